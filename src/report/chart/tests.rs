//! Labels of whole charts: they never touch each other, whatever is asked and at any size.

use super::axis::Axis;
use super::canvas::text_width;
use super::frame::{Rect, clip_segment};
use super::layer::{Label, Layer, Legend, Mark, Side};
use super::layout::Layout;
use super::legend::{Piece, SAMPLE};
use super::picture::{Chart, Size};
use super::{CostAxis, FamilyMember, compression_chart, compression_of_laws_chart, family_chart};
use super::{palette, talk_chart};
use crate::cost::models;
use crate::law::{Surface, law_by_id, published_laws};
use crate::plan::{IsoLossCurve, iso_loss_curve, optimum_of_size};
use crate::units::{Flops, Params};

const SIZES: [Size; 4] = [Size::PAGE, Size::LARGE, Size::PHONE, Size { width: 600, height: 375 }];

/// Published laws that say how to spend compute.
fn laws() -> Vec<Surface> {
    let all = published_laws().expect("the shipped table").iter();
    let with_optimum = all
        .filter(|law| law.setting.is_plain())
        .filter(|law| law_by_id(&law.form).is_ok_and(|form| form.has_optimum()));
    with_optimum.map(|law| Surface::published(&law.name).expect("shipped")).collect()
}

fn curve(law: &Surface, size: f64) -> IsoLossCurve {
    let loss = optimum_of_size(law, Params::new(size)).expect("an optimum").loss_nats;
    iso_loss_curve(law, loss, 60).expect("a curve")
}

/// Every dense model on record whose tokens are published, as `isoloss models` lists them.
fn placed(law: &Surface) -> Vec<(String, Params, Flops)> {
    let dense = models().expect("the shipped table").iter().filter(|m| m.active_params.is_none());
    let known = dense.filter_map(|m| Some((m.name.clone(), m.n()?, m.tokens?)));
    known.map(|(name, n, d)| (name, n, law.train_flops(n, d))).collect()
}

/// Box of a text from the left end of its baseline.
fn text_box(text: &str, at: (f64, f64), pen: super::canvas::Pen) -> Rect {
    let right = at.0 + text_width(text, pen);
    Rect { left: at.0, right, top: at.1 - 0.8 * pen.em, bottom: at.1 + 0.24 * pen.em }
}

/// Fails where texts of a chart touch, leave their place, or are crossed by a line to another.
fn assert_apart(chart: &Chart, what: &str) {
    for size in SIZES {
        let page = size.page().1;
        let layout = Layout::of(chart, page);
        let what = format!("{what} at {} x {}", size.width, size.height);
        let frame = layout.frame.rect;
        assert!(frame.right - frame.left > 180.0, "{what}: a plot {frame:?}");
        assert!(frame.bottom - frame.top > 120.0, "{what}: a plot {frame:?}");
        for (i, (label, a)) in layout.labels.iter().enumerate() {
            assert!(frame.holds(&a.rect), "{what}: {} leaves the plot", label.text);
            for (other, b) in &layout.labels[..i] {
                let area = a.rect.overlap(&b.rect);
                assert!(area == 0.0, "{what}: {} on {}", label.text, other.text);
            }
            let others = layout.labels.iter().filter(|(other, _)| !std::ptr::eq(*other, *label));
            for (other, b) in others {
                let crossed = b.leader.is_some_and(|(p, q)| clip_segment(&a.rect, p, q).is_some());
                assert!(!crossed, "{what}: the line of {} crosses {}", other.text, label.text);
            }
        }
        let legend: Vec<(String, Rect)> = layout
            .legend
            .iter()
            .filter_map(|piece| match piece {
                Piece::Text(text, at, pen) => Some((text.clone(), text_box(text, *at, *pen))),
                Piece::Row(_, text, (left, y)) => {
                    let at = (left + SAMPLE, y + 0.36 * super::legend::KEY.em);
                    Some((text.clone(), text_box(text, at, super::legend::KEY)))
                }
                Piece::Bar(..) => None,
            })
            .collect();
        let whole = Rect { left: 0.0, top: 0.0, right: page.0, bottom: page.1 };
        for (i, (text, a)) in legend.iter().enumerate() {
            assert!(whole.holds(a), "{what}: {text} leaves the page: {a:?} of {page:?}");
            assert!(a.overlap(&frame) == 0.0, "{what}: {text} is on the plot");
            for (other, b) in &legend[..i] {
                assert!(a.overlap(b) == 0.0, "{what}: {text} on {other} in the legend");
            }
        }
        for (text, at) in layout.title.iter().chain(&layout.subtitle) {
            let pen = super::layout::TITLE;
            let right = at.0 + text_width(text, super::canvas::Pen { em: pen.em, ..pen }) * 0.7;
            assert!(right < page.0 && at.1 < frame.top, "{what}: the heading `{text}`");
        }
    }
}

#[test]
fn all_models_keep_apart_on_all_published_laws() {
    let laws = laws();
    assert!(laws.len() > 5, "{}", laws.len());
    for law in &laws {
        for size in [7e9, 65e9] {
            let curve = curve(law, size);
            let what = format!("{} at {size:e}", law.label);
            assert_apart(&compression_chart(&curve, &[], &placed(law)), &what);
            let member = FamilyMember { curve: &curve, band: Vec::new() };
            let family = family_chart(&[member], &placed(law), &CostAxis::flops());
            assert_apart(&family, &format!("the family of {what}"));
        }
    }
}

#[test]
fn curves_of_all_laws_in_one_picture_keep_their_labels_apart() {
    let laws = laws();
    let curves: Vec<IsoLossCurve> = laws.iter().map(|law| curve(law, 65e9)).collect();
    let members = || curves.iter().map(|curve| FamilyMember { curve, band: Vec::new() });
    let models = placed(&laws[0]);
    for count in [2, 3, curves.len()] {
        let members: Vec<FamilyMember> = members().take(count).collect();
        let chart = compression_of_laws_chart(&members, &models);
        assert_apart(&chart, &format!("{count} laws"));
        let named = chart.legend.groups[0].1.len();
        assert_eq!(named, count, "each law has its row");
    }
    let first = members().next().expect("a law");
    assert_apart(&talk_chart(&first, "optimal", &models), "the talk");
}

#[test]
fn the_optimum_and_the_smallest_overhead_are_both_written_at_70b() {
    let law = Surface::published("besiroglu").expect("shipped");
    let chart = compression_chart(&curve(&law, 70e9), &[], &[]);
    for size in SIZES {
        let layout = Layout::of(&chart, size.page().1);
        let written: Vec<&str> = layout.labels.iter().map(|(l, _)| l.text.as_str()).collect();
        let has = |begin: &str| written.iter().any(|text| text.starts_with(begin));
        assert!(has("optimum: ") && has("+3.4 %") && has("wall: "), "{written:?}");
    }
}

/// A chart of labels alone, at the points given.
fn labelled(points: &[(f64, f64)], names: impl Fn(usize) -> String) -> Chart {
    let sides = [Side::Right, Side::Above];
    let label = |(i, at): (usize, &(f64, f64))| Label::new(*at, names(i), palette::TEXT, &sides);
    Chart {
        name: "labels",
        title: "Labels".to_owned(),
        subtitle: String::new(),
        caption: "Labels.".to_owned(),
        x: Axis::linear("x", (0.0, 1.0)),
        y: Axis::linear("y", (0.0, 1.0)),
        layers: vec![Layer::marks(points.iter().copied(), palette::BLUE, Mark::Dot, 3.0)],
        labels: points.iter().enumerate().map(label).collect(),
        legend: Legend::default(),
        hits: Vec::new(),
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014), as shares of one.
struct Shares(u64);

impl Shares {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[test]
fn random_labels_keep_apart_and_those_without_room_are_counted() {
    let mut shares = Shares(20_260_726);
    for count in [3, 10, 40, 150] {
        for round in 0..6 {
            // Some sets are spread over the plot, some crowd in a corner of it.
            let spread = if round % 2 == 0 { 1.0 } else { 0.15 };
            let points: Vec<(f64, f64)> =
                (0..count).map(|_| (spread * shares.next(), spread * shares.next())).collect();
            let lengths: Vec<usize> =
                (0..count).map(|_| 1 + (18.0 * shares.next()) as usize).collect();
            let chart = labelled(&points, |i| "name ".repeat(lengths[i].div_ceil(5)));
            assert_apart(&chart, &format!("{count} labels, round {round}"));
            for size in SIZES {
                let layout = Layout::of(&chart, size.page().1);
                assert_eq!(layout.labels.len() + layout.left_out.len(), count);
                assert_eq!(note(&layout), layout.left_out.len());
            }
        }
    }
}

/// The number of names that the note says are missing.
fn note(layout: &Layout<'_>) -> usize {
    let texts: Vec<&str> = layout
        .legend
        .iter()
        .filter_map(|piece| match piece {
            Piece::Text(text, ..) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let first = texts.iter().find_map(|text| text.split(' ').next()?.parse().ok());
    first.unwrap_or(0)
}

#[test]
fn labels_in_one_place_are_left_out_rather_than_drawn_over_each_other() {
    let chart = labelled(&[(0.5, 0.5); 300], |i| format!("a rather long name {i}"));
    let layout = Layout::of(&chart, Size::PAGE.page().1);
    assert!(layout.labels.len() > 3, "{}", layout.labels.len());
    assert!(layout.left_out.len() > 100, "{}", layout.left_out.len());
    assert_eq!(note(&layout), layout.left_out.len());
    assert_apart(&chart, "one place");
}
