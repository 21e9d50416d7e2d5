//! L-BFGS for a smooth convex function: forty lines that replace a dependency.
//!
//! Limited memory, Armijo backtracking, no random numbers and no threads: the same function gives
//! the same minimum to the last bit on the same machine.

const MEMORY: usize = 8;
const ROUNDS: usize = 80;
const HALVINGS: usize = 30;

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    inverse: f64,
}

/// Minimizes `function`, which returns the value at a point and writes the gradient. Stops after 80
/// rounds, when the relative gain is below `1e-7`, or when no step helps. Returns the best point.
pub(crate) fn minimize(
    start: Vec<f64>,
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Vec<f64> {
    let size = start.len();
    let mut point = start;
    let mut gradient = vec![0.0; size];
    let mut value = function(&point, &mut gradient);
    let (mut next, mut next_gradient) = (vec![0.0; size], vec![0.0; size]);
    let mut pairs: Vec<Pair> = Vec::with_capacity(MEMORY);
    for _ in 0..ROUNDS {
        let mut direction = descent(&gradient, &pairs);
        let mut slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            // Rounding has spoiled the memory: start again from the gradient.
            pairs.clear();
            direction = gradient.iter().map(|part| -part).collect();
            slope = dot(&direction, &gradient);
        }
        let mut length = if pairs.is_empty() {
            1.0 / dot(&gradient, &gradient).sqrt().max(1e-12)
        } else {
            1.0
        };
        let mut found = None;
        for _ in 0..HALVINGS {
            for ((to, from), along) in next.iter_mut().zip(&point).zip(&direction) {
                *to = from + length * along;
            }
            let reached = function(&next, &mut next_gradient);
            if reached <= value + 1e-4 * length * slope {
                found = Some(reached);
                break;
            }
            length *= 0.5;
        }
        let Some(reached) = found else { break };
        let step: Vec<f64> = next
            .iter()
            .zip(&point)
            .map(|(to, from)| to - from)
            .collect();
        let gradients = next_gradient.iter().zip(&gradient);
        let change: Vec<f64> = gradients.map(|(to, from)| to - from).collect();
        let curvature = dot(&step, &change);
        if curvature > 1e-12 {
            if pairs.len() == MEMORY {
                pairs.remove(0);
            }
            pairs.push(Pair {
                step,
                change,
                inverse: 1.0 / curvature,
            });
        }
        let gain = value - reached;
        std::mem::swap(&mut point, &mut next);
        std::mem::swap(&mut gradient, &mut next_gradient);
        value = reached;
        if gain <= 1e-7 * value.abs().max(1e-12) {
            break;
        }
    }
    point
}

/// The two loops: minus the inverse Hessian, as far as remembered, times the gradient.
fn descent(gradient: &[f64], pairs: &[Pair]) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|part| -part).collect();
    let mut factors = [0.0; MEMORY];
    for (pair, factor) in pairs.iter().zip(&mut factors).rev() {
        *factor = pair.inverse * dot(&pair.step, &direction);
        add(&mut direction, -*factor, &pair.change);
    }
    if let Some(last) = pairs.last() {
        let scale = 1.0 / (last.inverse * dot(&last.change, &last.change)).max(1e-300);
        direction.iter_mut().for_each(|part| *part *= scale);
    }
    for (pair, factor) in pairs.iter().zip(&factors) {
        let back = pair.inverse * dot(&pair.change, &direction);
        add(&mut direction, factor - back, &pair.step);
    }
    direction
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter()
        .zip(right)
        .map(|(left, right)| left * right)
        .sum()
}

fn add(to: &mut [f64], times: f64, what: &[f64]) {
    for (to, what) in to.iter_mut().zip(what) {
        *to += times * what;
    }
}

#[cfg(test)]
mod tests {
    use super::minimize;

    #[test]
    fn finds_the_minimum_of_a_stretched_bowl() {
        let point = minimize(vec![5.0, -3.0, 2.0], |at, gradient| {
            let factors = [1.0, 10.0, 100.0];
            let mut value = 0.0;
            for axis in 0..3 {
                let away = at[axis] - axis as f64;
                value += factors[axis] * away * away;
                gradient[axis] = 2.0 * factors[axis] * away;
            }
            value
        });
        for (axis, value) in point.iter().enumerate() {
            assert!((value - axis as f64).abs() < 1e-3, "{point:?}");
        }
    }

    #[test]
    fn a_start_at_the_minimum_stays_there() {
        let point = minimize(vec![0.0; 4], |at, gradient| {
            gradient.copy_from_slice(at);
            at.iter().map(|part| part * part / 2.0).sum()
        });
        assert_eq!(point, vec![0.0; 4]);
    }
}
