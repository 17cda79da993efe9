//! Counters.

use teller::Error;
use teller::tally::PostAnswer as Counted;

use super::event::Event;
use super::invariant::{invariant, must};
use crate::model::Meter;
use crate::task::{Answer, Task};

/// A post that was answered, with everything that is known about it.
struct Posted<'a> {
    meter: &'a Meter,
    key: Option<&'a str>,
    by: i64,
    answer: &'a Result<Counted, Error>,
    net: i64,
}

fn posted<'a>(seen: &'a Event<'_>) -> Option<Posted<'a>> {
    let Event::Ended(model, ended) = seen else { return None };
    let Answer::Counted(answer) = ended.answer else { return None };
    let (counter, key, by) = match ended.task {
        Task::Count { counter, by, .. } => (counter, None, *by),
        Task::CountOnce { counter, post, .. } => (counter, Some(post.key.as_str()), post.by),
        _ => return None,
    };
    Some(Posted { meter: model.meter(counter)?, key, by, answer, net: ended.net })
}

invariant! {
    /// With a key or without one.
    EachAcknowledgedPostCountsOnce: "each acknowledged post counts once", seen => {
        let Some(Posted { meter, key, by, answer: Ok(Counted { total: Some(_), .. }), net }) = posted(seen)
        else {
            return Ok(());
        };
        match key {
            None => must(net == by, || format!("{by} was acknowledged, {net} was added")),
            Some(key) => {
                let post = meter.posts.get(key);
                must(post.is_some_and(|post| post.by == by && post.total.is_some()), || {
                    format!("{by} was acknowledged under {key}; there is {post:?}")
                })
            }
        }
    }
}

invariant! {
    /// What it added on the way it has taken back.
    EachRefusedPostCountsNever: "each refused post counts never", seen => {
        let Some(Posted { meter, key, by, answer: Ok(Counted { total: None, .. }), net }) = posted(seen)
        else {
            return Ok(());
        };
        let kept = key.and_then(|key| meter.posts.get(key)).is_some_and(|post| post.total.is_some());
        must(net == 0 && !kept, || format!("{by} was refused, {net} was added"))
    }
}

invariant! {
    /// The stored sum is that of the posts which were seen to come.
    KeyedPostsAddUp: "keyed posts add up", seen => {
        let Event::Tallied(meter, tally) = seen else { return Ok(()) };
        must(tally.sum() == meter.keyed(), || format!("the sum is {}, not {}", tally.sum(), meter.keyed()))
    }
}

invariant! {
    /// Refusals included, for ever.
    KeyedPostsReplayTheFirstAnswer: "keyed posts replay the first answer", seen => {
        let Some(Posted { meter, key: Some(key), answer: Ok(answer), .. }) = posted(seen) else { return Ok(()) };
        let first = meter.firsts.get(key);
        must(first.is_none_or(|first| *first == answer.total), || {
            format!("{key} was answered with {first:?}, now with {:?}", answer.total)
        })
    }
}

invariant! {
    /// A total holds everything that was acknowledged before it was asked for.
    TotalsShowWhatWasAcknowledged: "totals show what was acknowledged", seen => {
        let Event::Ended(_, ended) = seen else { return Ok(()) };
        let Answer::Totalled(Ok(total)) = ended.answer else { return Ok(()) };
        must(*total >= ended.began, || format!("{} was acknowledged, the total is {total}", ended.began))
    }
}

invariant! {
    /// By a script, right after it; by several calls, between the post and its answer.
    APostIsAnsweredWithATotalThatWas: "a post is answered with a total that the counter had after it", seen => {
        let Event::Ended(_, ended) = seen else { return Ok(()) };
        let (Task::Count { .. }, Answer::Counted(Ok(Counted { total: Some(total), .. }))) = (ended.task, ended.answer)
        else {
            return Ok(());
        };
        must(ended.totals.contains(total), || format!("{total} was answered, it was {:?}", ended.totals))
    }
}

invariant! {
    /// It is stored with the post, and answered for ever.
    AScriptKeepsTheTotalRightAfterAPost: "a script keeps the total right after a post under a key", seen => {
        let Event::Kept(meter, post) = seen else { return Ok(()) };
        must(post.total.is_none_or(|total| total == meter.total()), || {
            format!("{:?} is kept, the total is {}", post.total, meter.total())
        })
    }
}

invariant! {
    /// Nor does one refuse what fits. Where each call stands alone, a post with a key and one without may pass it
    /// together.
    ScriptsPassNoLimit: "scripts pass no limit", seen => {
        let Event::Kept(meter, post) = seen else { return Ok(()) };
        let fits = match post.total {
            Some(_) => meter.total() <= meter.limit,
            None => meter.total().checked_add(post.by).is_none_or(|total| total > meter.limit),
        };
        must(fits, || format!("{:?} for {} at {}, up to {}", post.total, post.by, meter.total(), meter.limit))
    }
}

invariant! {
    /// With a key or without one.
    AFailoverForgetsNoAcknowledgedPost: "a failover forgets no acknowledged post", seen => {
        let Event::CountedLess(meter) = seen else { return Ok(()) };
        let total = |key: &str| meter.posts.get(key).map(|post| post.total);
        let gone = meter.firsts.iter().find(|(key, first)| total(key) != Some(**first));
        must(gone.is_none(), || format!("{gone:?} was answered, and is gone"))?;
        must(meter.total() >= meter.acknowledged, || {
            format!("{} was acknowledged, {} is left", meter.acknowledged, meter.total())
        })
    }
}
