//! What a prompt costs beyond its text: the wrapping of messages, definitions of tools, images.
//!
//! None of this is text to the model. A message is wrapped in a template, a tool's schema is
//! rendered in another notation, an image becomes patches; counting their JSON as text would be
//! wrong by factors. The figures are those that providers document (for tools OpenAI's cookbook);
//! where a provider says nothing the likelier of two values is the higher one, since these numbers
//! guard limits. What they miss is the same for every request of a model, so calibration learns it.

use super::models::{bare, starts};
use super::{count, encoding_for, estimate, Estimate, Family, EXACT_BYTES};
use crate::json::{Kind, Raw};

/// Tokens that a family's template adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overhead {
    /// Around each message, its role included.
    pub message: u32,
    /// For a message's `name`, beyond the text of the name.
    pub name: u32,
    /// Once, for the beginning of the answer.
    pub answer: u32,
    /// Once, if there are tools.
    pub tools: u32,
}

impl Overhead {
    /// The table.
    pub fn of(family: Family) -> Self {
        let (message, name, answer, tools) = match family {
            Family::OpenAi => (4, 1, 3, 12),
            // The documented system prompt for tools; messages are not documented.
            Family::Anthropic => (4, 1, 3, 346),
            Family::Google => (4, 1, 3, 12),
            // ChatML, the commonest template of local models: <|im_start|>, role, line end,
            // <|im_end|>, line end. Tools come with some hundred tokens of instructions.
            Family::Other => (5, 1, 3, 130),
        };
        Self {
            message,
            name,
            answer,
            tools,
        }
    }

    /// The wrapping of a conversation, without tools and images.
    pub fn messages(self, messages: usize, names: usize) -> u64 {
        u64::from(self.message) * messages as u64
            + u64::from(self.name) * names as u64
            + u64::from(self.answer)
    }

    /// The definitions of tools (the value of `tools`) for a model; zero if there are none. Linear:
    /// only the first level of properties is rendered, what is nested below counts as its JSON.
    pub fn tools(model: &str, tools: &Raw) -> Estimate {
        let family = Family::of(model);
        let encoding = encoding_for(model);
        let text = simdutf8::basic::from_utf8(tools.bytes()).unwrap_or_default();
        if tools.kind() != Kind::Array || tools.items().next().is_none() {
            return Estimate {
                tokens: 0,
                exact: true,
            };
        }
        let once = u64::from(Self::of(family).tools);
        let tokens = if family == Family::OpenAi && text.len() <= EXACT_BYTES {
            tools.items().map(|tool| rendered(encoding, &tool)).sum()
        } else {
            estimate(encoding, text).tokens
        };
        Estimate {
            tokens: once + tokens,
            exact: false,
        }
    }

    /// One image for a model, looked at closely; `size` is width and height in pixels, 1024 x 1024
    /// if not known.
    pub fn image(model: &str, size: Option<(u32, u32)>) -> u64 {
        let (width, height) = size.unwrap_or((1024, 1024));
        let (width, height) = (f64::from(width.max(1)), f64::from(height.max(1)));
        match image_rule(model) {
            Image::Tiles { base, tile } => {
                let fit = (2048.0 / width.max(height)).min(1.0);
                let shrink = (768.0 / (width.min(height) * fit)).min(1.0) * fit;
                base + tile * grid(width * shrink, height * shrink, 512.0)
            }
            Image::Patches { percent, most } => {
                (grid(width, height, 32.0).min(most) * percent).div_ceil(100)
            }
            Image::Pixels { side, most } => {
                let shrink = (f64::from(side) / width.max(height)).min(1.0);
                ((width * height * shrink * shrink / 750.0).ceil() as u64).min(most)
            }
            Image::Flat { small } if width <= 384.0 && height <= 384.0 => small,
            Image::Flat { small } => (small * grid(width, height, 768.0)).max(1120),
            Image::Merged { most } => grid(width, height, 28.0).min(most) + 2,
        }
    }
}

/// OpenAI's notation of one function: `7 + name:description`, and per property `3 +
/// key:type:description`, three more per value of an enumeration but the first.
fn rendered(encoding: super::Encoding, tool: &Raw) -> u64 {
    let of = |text: &str| count(encoding, text) as u64;
    let text = |raw: &Raw, key: &str| {
        let found = raw.get(key).and_then(|it| Some(it.as_str()?.into_owned()));
        found.unwrap_or_default()
    };
    // The Responses notation has the members of `function` one level higher.
    let function = tool.get("function").unwrap_or(*tool);
    let head = format!(
        "{}:{}",
        text(&function, "name"),
        text(&function, "description")
    );
    let mut tokens = 7 + of(&head);
    let parameters = function.get("parameters");
    let Some(properties) = parameters.and_then(|it| it.get("properties")) else {
        return tokens;
    };
    tokens += 3;
    for (key, property) in properties.entries() {
        let (kind, about) = (text(&property, "type"), text(&property, "description"));
        tokens += 3 + of(&format!("{key}:{kind}:{about}"));
        for (name, value) in property.entries() {
            match (&*name, value.kind()) {
                ("enum", Kind::Array) => {
                    let values = value
                        .items()
                        .filter_map(|it| it.as_str().map(|text| 3 + of(&text)));
                    tokens += values.sum::<u64>().saturating_sub(3);
                }
                (_, Kind::Array | Kind::Object) => {
                    tokens += of(simdutf8::basic::from_utf8(value.bytes()).unwrap_or_default());
                }
                _ => {}
            }
        }
    }
    tokens
}

#[derive(Clone, Copy)]
enum Image {
    /// Scaled into 2048 x 2048, then the shorter side to 768; per square of 512.
    Tiles { base: u64, tile: u64 },
    /// Squares of 32, at most so many, times a factor in percent.
    Patches { percent: u64, most: u64 },
    /// Area over 750 after the longer side was scaled to at most `side`.
    Pixels { side: u32, most: u64 },
    /// Google: a small image has one price; larger ones one per square of 768, at least 1,120.
    Flat { small: u64 },
    /// Squares of 28, as the common open vision encoders merge them.
    Merged { most: u64 },
}

/// The first matching prefix decides.
const OPENAI_IMAGES: &[(&str, Image)] = &[
    (
        "gpt-4o-mini",
        Image::Tiles {
            base: 2833,
            tile: 5667,
        },
    ),
    (
        "gpt-4.1-mini",
        Image::Patches {
            percent: 162,
            most: 1536,
        },
    ),
    (
        "gpt-4.1-nano",
        Image::Patches {
            percent: 246,
            most: 1536,
        },
    ),
    (
        "gpt-5-mini",
        Image::Patches {
            percent: 162,
            most: 1536,
        },
    ),
    (
        "gpt-5-nano",
        Image::Patches {
            percent: 246,
            most: 1536,
        },
    ),
    (
        "gpt-5.",
        Image::Patches {
            percent: 120,
            most: 10_000,
        },
    ),
    (
        "gpt-5",
        Image::Tiles {
            base: 70,
            tile: 140,
        },
    ),
    (
        "o4-mini",
        Image::Patches {
            percent: 172,
            most: 1536,
        },
    ),
    (
        "o1",
        Image::Tiles {
            base: 75,
            tile: 150,
        },
    ),
    (
        "o3",
        Image::Tiles {
            base: 75,
            tile: 150,
        },
    ),
    (
        "",
        Image::Tiles {
            base: 85,
            tile: 170,
        },
    ),
];

fn image_rule(model: &str) -> Image {
    const ANTHROPIC: Image = Image::Pixels {
        side: 2576,
        most: 4800,
    };
    const ANTHROPIC_UNTIL_4: Image = Image::Pixels {
        side: 1568,
        most: 1600,
    };
    match Family::of(model) {
        Family::OpenAi => OPENAI_IMAGES
            .iter()
            .find(|(prefix, _)| starts(bare(model), prefix))
            .map_or(OPENAI_IMAGES[OPENAI_IMAGES.len() - 1].1, |(_, rule)| *rule),
        Family::Anthropic if model.contains("-3") || model.contains("-4") => ANTHROPIC_UNTIL_4,
        Family::Anthropic => ANTHROPIC,
        Family::Google => Image::Flat { small: 258 },
        Family::Other => Image::Merged { most: 16_384 },
    }
}

/// How many squares of this side cover the area.
fn grid(width: f64, height: f64, side: f64) -> u64 {
    // Scaling leaves 768.0000001 where 768 is meant.
    let along = |length: f64| ((length / side) - 1e-6).ceil().max(1.0) as u64;
    along(width) * along(height)
}
