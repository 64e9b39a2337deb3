//! What `cache` must do, in cases.

use super::*;
use crate::{Kind, Name, Trouble};
use proptest::prelude::*;

fn question(number: usize) -> Question {
    Question::new(Name::new(&format!("host-{number}.example")).unwrap(), Kind::A)
}

fn records(ttl: u32) -> Answer {
    Answer::Records { records: [Record::A([192, 0, 2, 1].into())].into(), ttl }
}

fn at(seconds: u64) -> Time {
    Time::from_secs(seconds)
}

#[test]
fn an_answer_lives_for_its_ttl_within_the_bounds() {
    let limits =
        Limits { min_ttl: 10, max_ttl: 1000, max_negative_ttl: 60, failure_ttl: 5, ..Limits::default() };
    for (answer, lives) in [
        (records(300), 300),
        (records(0), 10),
        (records(u32::MAX), 1000),
        (Answer::NoData { ttl: 30 }, 30),
        (Answer::NoData { ttl: 86_400 }, 60),
        (Answer::NoName { ttl: 86_400 }, 60),
        (Answer::NoName { ttl: 0 }, 0),
        (Answer::Failed(Trouble::ServerFailure), 5),
    ] {
        let mut cache = Cache::new(limits.clone());
        cache.put(question(1), answer.clone(), at(100));
        let kept = cache.get(&question(1), at(100));
        assert_eq!(kept, (lives > 0).then(|| with_ttl(&answer, lives)), "{answer:?}");
        if lives > 0 {
            let last = at(100 + u64::from(lives) - 1);
            let later = last + Duration::from_millis(999);
            for now in [last, later] {
                assert_eq!(cache.get(&question(1), now), Some(with_ttl(&answer, 1)), "{answer:?}");
            }
        }
        assert_eq!(cache.get(&question(1), at(100 + u64::from(lives))), None, "{answer:?}");
        assert_eq!((cache.len(), cache.bytes()), (0, 0));
    }
}

#[test]
fn the_least_recently_used_answer_leaves_first() {
    let mut cache = Cache::new(Limits { entries: 3, ..Limits::default() });
    (1..=3).for_each(|number| cache.put(question(number), records(60), at(0)));
    assert!(cache.get(&question(1), at(1)).is_some());
    cache.put(question(4), records(60), at(1));
    let kept: Vec<bool> = (1..=4).map(|number| cache.get(&question(number), at(1)).is_some()).collect();
    assert_eq!(kept, [true, false, true, true]);
}

#[test]
fn kinds_of_one_name_are_kept_apart_and_a_new_answer_replaces_the_old() {
    let mut cache = Cache::new(Limits::default());
    let mx = Question { kind: Kind::Mx, ..question(1) };
    cache.put(question(1), records(60), at(0));
    cache.put(mx.clone(), Answer::NoData { ttl: 60 }, at(0));
    cache.put(question(1), Answer::NoName { ttl: 60 }, at(0));
    assert_eq!(cache.get(&question(1), at(0)), Some(Answer::NoName { ttl: 60 }));
    assert_eq!(cache.get(&mx, at(0)), Some(Answer::NoData { ttl: 60 }));
    cache.forget(&mx);
    assert_eq!((cache.get(&mx, at(0)), cache.len()), (None, 1));
    cache.clear();
    assert!(cache.is_empty() && cache.bytes() == 0);
}

#[test]
fn an_answer_larger_than_the_cache_is_not_kept() {
    let mut cache = Cache::new(Limits { bytes: 4096, ..Limits::default() });
    cache.put(question(1), records(60), at(0));
    let huge = Answer::Records { records: [Record::Txt(vec![0; 5000].into())].into(), ttl: 60 };
    cache.put(question(2), huge, at(0));
    assert!(cache.get(&question(1), at(0)).is_some() && cache.get(&question(2), at(0)).is_none());
}

#[test]
fn a_purge_drops_what_expired_and_nothing_else() {
    let mut cache = Cache::new(Limits::default());
    (1..=10).for_each(|number| cache.put(question(number), records(10 * number as u32), at(0)));
    assert_eq!((cache.purge(at(50)), cache.len()), (5, 5));
    assert!((6..=10).all(|number| cache.get(&question(number), at(50)).is_some()));
}

proptest! {
    #![proptest_config(crate::fixed_cases())]

    #[test]
    fn no_sequence_of_uses_breaks_the_bounds_or_the_ring(
        steps in proptest::collection::vec((0usize..5, 0usize..12, 0u32..20), 1..300)
    ) {
        let limits = Limits { entries: 5, bytes: 900, ..Limits::default() };
        let mut cache = Cache::new(limits.clone());
        for (now, (step, number, ttl)) in (0..).zip(steps) {
            match step {
                0 | 1 => cache.put(question(number), records(ttl), at(now)),
                2 => cache.forget(&question(number)),
                3 => { cache.purge(at(now)); }
                _ => { cache.get(&question(number), at(now)); }
            }
            prop_assert!(cache.len() <= limits.entries && cache.bytes() <= limits.bytes);
            let kept: usize = cache.entries.iter().flatten().map(|entry| entry.bytes).sum();
            prop_assert_eq!(kept, cache.bytes());
            let mut around = 0;
            let mut slot = cache.links[ANCHOR].newer;
            while slot != ANCHOR {
                prop_assert_eq!(cache.links[cache.links[slot].newer].older, slot);
                (slot, around) = (cache.links[slot].newer, around + 1);
            }
            prop_assert_eq!(around, cache.len());
        }
    }
}
