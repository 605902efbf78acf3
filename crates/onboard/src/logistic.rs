//! Logistic regression with a ridge: a handful of numbers, found by Newton's method. Nothing in it is random.

/// Rounds of Newton's method; ten are enough for any data, since the ridge makes the sum strictly convex.
const MAX_ROUNDS: usize = 50;

/// A change smaller than this in every number is none.
const TOLERANCE: f64 = 1e-9;

/// The bias and a number for each of the `N` features, such that the weighted log-likelihood minus `ridge` / 2 × the sum of the
/// squared numbers (of standardised features, the bias apart) is greatest.
pub fn fit<const N: usize>(rows: &[[f64; N]], labels: &[bool], weights: &[f64], ridge: f64) -> (f64, [f64; N]) {
    let total: f64 = weights.iter().sum();
    let mean: [f64; N] = std::array::from_fn(|feature| {
        rows.iter().zip(weights).map(|(row, weight)| row[feature] * weight).sum::<f64>() / total
    });
    let deviation: [f64; N] = std::array::from_fn(|feature| {
        let square = |row: &[f64; N]| (row[feature] - mean[feature]).powi(2);
        (rows.iter().zip(weights).map(|(row, weight)| square(row) * weight).sum::<f64>() / total).sqrt()
    });
    // A feature that never differs tells nothing.
    let standard = |row: &[f64; N]| -> Vec<f64> {
        let one = |feature: usize| match deviation[feature] {
            deviation if deviation > 1e-12 => (row[feature] - mean[feature]) / deviation,
            _ => 0.0,
        };
        std::iter::once(1.0).chain((0..N).map(one)).collect()
    };
    let rows: Vec<Vec<f64>> = rows.iter().map(standard).collect();
    let mut found = vec![0.0; N + 1];
    for _ in 0..MAX_ROUNDS {
        let mut gradient: Vec<f64> =
            found.iter().enumerate().map(|(place, number)| if place == 0 { 0.0 } else { -ridge * number }).collect();
        let mut hessian = vec![vec![0.0; N + 1]; N + 1];
        for (place, row) in hessian.iter_mut().enumerate() {
            row[place] = if place == 0 { 1e-9 } else { ridge };
        }
        for ((row, label), weight) in rows.iter().zip(labels).zip(weights) {
            let log_odds: f64 = row.iter().zip(&found).map(|(value, number)| value * number).sum();
            let probability = filter::logistic(log_odds);
            let miss = weight * (f64::from(u8::from(*label)) - probability);
            let curve = weight * probability * (1.0 - probability);
            for a in 0..=N {
                gradient[a] += miss * row[a];
                for b in 0..=a {
                    hessian[a][b] += curve * row[a] * row[b];
                }
            }
        }
        let step = solve(hessian, gradient);
        found.iter_mut().zip(&step).for_each(|(number, step)| *number += step);
        if step.iter().all(|step| step.abs() < TOLERANCE) {
            break;
        }
    }
    let numbers: [f64; N] = std::array::from_fn(|feature| match deviation[feature] {
        deviation if deviation > 1e-12 => found[feature + 1] / deviation,
        _ => 0.0,
    });
    let bias = found[0] - numbers.iter().zip(mean).map(|(number, mean)| number * mean).sum::<f64>();
    (bias, numbers)
}

/// Solves a symmetric positive definite system whose lower half is given, by Cholesky's decomposition.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let size = right.len();
    for row in 0..size {
        for column in 0..=row {
            let sum: f64 = (0..column).map(|place| matrix[row][place] * matrix[column][place]).sum();
            matrix[row][column] = if row == column {
                (matrix[row][row] - sum).max(1e-12).sqrt()
            } else {
                (matrix[row][column] - sum) / matrix[column][column]
            };
        }
    }
    for row in 0..size {
        let sum: f64 = (0..row).map(|place| matrix[row][place] * right[place]).sum();
        right[row] = (right[row] - sum) / matrix[row][row];
    }
    for row in (0..size).rev() {
        let sum: f64 = (row + 1..size).map(|place| matrix[place][row] * right[place]).sum();
        right[row] = (right[row] - sum) / matrix[row][row];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_numbers_that_made_the_labels() {
        // Labels in the proportions of a known curve: log-odds -1 + 2 x.
        let mut rows = Vec::new();
        let mut labels = Vec::new();
        for step in 0..=20 {
            let x = f64::from(step) / 10.0;
            let yes = (1000.0 * filter::logistic(-1.0 + 2.0 * x)).round() as usize;
            rows.extend(std::iter::repeat_n([x, 7.0], 1000));
            labels.extend((0..1000).map(|number| number < yes));
        }
        let weights = vec![1.0; rows.len()];
        let (bias, [slope, constant]) = fit(&rows, &labels, &weights, 1e-6);
        assert!(
            (bias + 1.0).abs() < 0.02 && (slope - 2.0).abs() < 0.02 && constant == 0.0,
            "{bias} {slope} {constant}"
        );
    }

    #[test]
    fn the_ridge_keeps_numbers_finite_where_the_labels_part_cleanly() {
        let rows: Vec<[f64; 1]> = (0..10).map(|x| [f64::from(x)]).collect();
        let labels: Vec<bool> = (0..10).map(|x| x >= 5).collect();
        let (bias, [slope]) = fit(&rows, &labels, &[1.0; 10], 1.0);
        assert!(slope > 0.3 && slope < 5.0 && bias.is_finite(), "{bias} {slope}");
    }
}
