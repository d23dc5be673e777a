//! What so many runs say of a probability, and of a figure.

/// The normal quantile of a 95 % confidence interval.
const Z: f64 = 1.959_964;

/// Wilson's interval: where the probability lies with 95 % confidence when `clean` of `runs` were.
/// Unlike the naive one it says something of 0 and of all runs too.
pub(super) fn wilson(clean: u32, runs: u32) -> (f64, f64) {
    if runs == 0 {
        return (0.0, 1.0);
    }
    let (k, n) = (f64::from(clean), f64::from(runs));
    let p = k / n;
    let centre = p + Z * Z / (2.0 * n);
    let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (((centre - spread) / scale).max(0.0), ((centre + spread) / scale).min(1.0))
}

/// Three decimals: more would pretend to be known.
pub(super) fn rounded(ratio: f64) -> f64 {
    (ratio * 1000.0).round() / 1000.0
}

/// A percentile by nearest rank. What has no value is below all that have: `None` where the rank
/// falls among those.
pub(super) fn percentile<T: Ord + Copy>(values: &[Option<T>], percent: usize) -> Option<T> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Newcombe 1998, table I, method 3.
    #[test]
    fn the_interval_is_the_published_one() {
        for (clean, runs, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let (l, h) = wilson(clean, runs);
            assert!((l - low).abs() < 5e-5 && (h - high).abs() < 5e-5, "{clean}/{runs}: {l}, {h}");
        }
    }

    #[test]
    fn all_clean_is_not_certainty() {
        let (low, high) = wilson(100, 100);
        assert!(low > 0.96 && low < 0.97, "{low}");
        assert!((high - 1.0).abs() < 1e-12, "{high}");
        assert_eq!(wilson(0, 0), (0.0, 1.0));
    }

    #[test]
    fn percentiles_are_by_nearest_rank_and_what_has_no_value_is_lowest() {
        let hundred: Vec<Option<u32>> = (1..=100).map(Some).collect();
        assert_eq!(percentile(&hundred, 5), Some(5));
        assert_eq!(percentile(&hundred, 50), Some(50));
        assert_eq!(percentile(&[Some(3), None, Some(1)], 5), None);
        assert_eq!(percentile(&[Some(3), None, Some(1)], 50), Some(1));
        assert_eq!(percentile::<u32>(&[], 50), None);
    }
}
