//! Ranking: two orders become one, by words and by nearness.

use std::collections::HashMap;

/// How much the first places of one list outweigh the later ones; the value of the paper that proposed the fusion
/// (Cormack, Clarke, Büttcher, 2009).
const K: f32 = 60.0;

/// A chunk of a document: which document, and its place in it.
pub(crate) type Place = (String, usize);

/// Reciprocal rank fusion, scaled so that what is first in every list has 1.
pub(crate) fn fuse(lists: &[Vec<Place>]) -> Vec<(Place, f32)> {
    let used = lists.iter().filter(|list| !list.is_empty()).count();
    let mut scores: HashMap<&Place, f32> = HashMap::new();
    for list in lists {
        let mut rank = K;
        for place in list {
            rank += 1.0;
            *scores.entry(place).or_default() += 1.0 / rank;
        }
    }
    // Counts of lists and places are far below where numbers of this kind lose units.
    #[allow(clippy::cast_precision_loss)]
    let best = used as f32 / (K + 1.0);
    let mut fused: Vec<(Place, f32)> = scores.into_iter().map(|(place, score)| (place.clone(), score / best)).collect();
    fused.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    fused
}

/// A vector of length 1 in the same direction; `None` if it has none.
pub(crate) fn unit(vector: &[f32]) -> Option<Vec<f32>> {
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    (length.is_finite() && length > 0.0).then(|| vector.iter().map(|number| number / length).collect())
}

/// The cosine of the angle between two vectors of length 1; `None` if they are of different models.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> Option<f32> {
    (a.len() == b.len()).then(|| a.iter().zip(b).map(|(a, b)| a * b).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> Place {
        (name.to_owned(), 0)
    }

    #[test]
    fn what_both_lists_have_comes_before_what_one_has() {
        let fused = fuse(&[vec![place("a"), place("b")], vec![place("c"), place("b")]]);
        assert_eq!(fused[0].0, place("b"));
        assert!(fused.iter().all(|(_, score)| (0.0..=1.0).contains(score)), "{fused:?}");
    }

    #[test]
    fn first_in_the_only_list_scores_one() {
        let fused = fuse(&[vec![place("a")], Vec::new()]);
        assert!((fused[0].1 - 1.0).abs() < 1e-6);
        assert!(fuse(&[Vec::new(), Vec::new()]).is_empty());
    }

    #[test]
    fn vectors_of_different_models_are_not_compared() {
        assert_eq!(cosine(&[1.0], &[1.0, 0.0]), None);
        assert_eq!(unit(&[0.0, 0.0]), None);
        let near = cosine(&unit(&[2.0, 0.0]).unwrap(), &unit(&[3.0, 0.1]).unwrap()).unwrap();
        assert!(near > 0.99);
    }
}
