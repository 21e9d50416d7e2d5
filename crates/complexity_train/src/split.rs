//! What is set aside: at random, by whole groups, or by time.

use crate::{Dataset, Draw, Split, TrainError};

/// The slice of rows that are never held out.
pub(crate) const NEVER: usize = usize::MAX;

/// The number of the slice of each of `rows`, from 0 on. A slice holds about `share` of the rows;
/// by time there is one slice, the end.
pub(crate) fn slices<const N: usize>(
    data: &Dataset<N>,
    rows: &[u32],
    split: Split,
    share: f64,
    draw: &mut Draw<'_>,
) -> Result<Vec<usize>, TrainError> {
    let count = ((1.0 / share).round() as usize).max(2);
    match split {
        Split::Random => Ok(dealt(rows.len(), count, draw)),
        Split::Time => {
            let first = ((rows.len() as f64 * (1.0 - share)) as usize).max(1);
            let places = 0..rows.len();
            Ok(places
                .map(|at| if at < first { NEVER } else { 0 })
                .collect())
        }
        Split::Groups => by_groups(data, rows, count, draw),
    }
}

/// Whole groups, dealt in random order to the slice that has the fewest samples.
fn by_groups<const N: usize>(
    data: &Dataset<N>,
    rows: &[u32],
    count: usize,
    draw: &mut Draw<'_>,
) -> Result<Vec<usize>, TrainError> {
    let mut sizes = vec![0usize; data.groups()];
    rows.iter()
        .for_each(|row| sizes[data.group(*row) as usize] += 1);
    let present = sizes.iter().filter(|size| **size > 0).count();
    if present < 2 {
        let message = "a split by groups needs samples of at least two groups";
        return Err(TrainError::new("no_groups", message));
    }
    let mut filled = vec![0usize; count.min(present)];
    let mut slice_of = vec![0; sizes.len()];
    for group in shuffled(sizes.len(), draw) {
        let group = group as usize;
        let emptiest = (0..filled.len()).min_by_key(|slice| filled[*slice]);
        slice_of[group] = emptiest.unwrap_or(0);
        filled[slice_of[group]] += sizes[group];
    }
    let groups = rows.iter().map(|row| data.group(*row) as usize);
    Ok(groups.map(|group| slice_of[group]).collect())
}

/// Numbers below `count`, each for the same share of the places, in random order.
fn dealt(size: usize, count: usize, draw: &mut Draw<'_>) -> Vec<usize> {
    let mut numbers = vec![0; size];
    for (place, at) in shuffled(size, draw).into_iter().enumerate() {
        numbers[at as usize] = place % count;
    }
    numbers
}

/// The rows outside and inside of one slice.
pub(crate) fn part(rows: &[u32], slices: &[usize], slice: usize) -> (Vec<u32>, Vec<u32>) {
    let pairs = rows.iter().copied().zip(slices);
    let (inside, outside): (Vec<_>, Vec<_>) = pairs.partition(|(_, its)| **its == slice);
    let rows = |pairs: Vec<(u32, &usize)>| pairs.into_iter().map(|(row, _)| row).collect();
    (rows(outside), rows(inside))
}

fn shuffled(size: usize, draw: &mut Draw<'_>) -> Vec<u32> {
    let mut order: Vec<u32> = (0..size as u32).collect();
    for at in (1..size).rev() {
        order.swap(at, draw(at + 1));
    }
    order
}
