//! Many requests at one line.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use futures::executor::block_on;
use futures::future::join_all;

use super::*;

async fn let_others_run() {
    let mut waited = false;
    std::future::poll_fn(move |context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Doubles each job.
async fn double(jobs: Vec<u32>, (): &mut ()) -> Vec<u32> {
    let_others_run().await;
    jobs.into_iter().map(|job| job * 2).collect()
}

#[test]
fn what_comes_in_one_moment_goes_together_and_what_comes_later_goes_next() {
    let (line, groups) = (Line::default(), RefCell::new(Vec::new()));
    let answers = block_on(join_all((0..16).map(async |job| {
        for _ in 0..(job / 4) * 2 {
            let_others_run().await;
        }
        let together = async |jobs: Vec<u32>, left: &mut ()| {
            groups.borrow_mut().push(jobs.len());
            let_others_run().await;
            let_others_run().await;
            let_others_run().await;
            double(jobs, left).await
        };
        line.go(job, together).await
    })));
    assert_eq!(answers, (0..16).map(|job| Some(job * 2)).collect::<Vec<_>>());
    let groups = groups.into_inner();
    assert_eq!(groups.first(), Some(&4), "those of the first moment");
    assert_eq!(groups.iter().sum::<usize>(), 16);
    assert!(groups.len() < 5, "{groups:?}");
}

#[test]
fn who_is_given_up_holds_nobody_up() {
    let lines = Lines::new();
    let mut context = Context::from_waker(Waker::noop());
    let mut first = Box::pin(lines.go(&"a", 1, double));
    let mut second = Box::pin(lines.go(&"a", 2, double));
    let mut third = pin!(lines.go(&"a", 3, double));
    assert!(first.as_mut().poll(&mut context).is_pending());
    assert!(second.as_mut().poll(&mut context).is_pending());
    assert!(third.as_mut().poll(&mut context).is_pending());
    drop(second);
    drop(first);
    assert_eq!(block_on(third), Some(6));
    assert!(lines.is_empty());
}

#[test]
fn a_job_that_somebody_took_along_and_left_has_no_answer() {
    let line = Line::default();
    let mut context = Context::from_waker(Waker::noop());
    let mut first = Box::pin(line.go(1, double));
    let mut second = Box::pin(line.go(2, double));
    let mut third = pin!(line.go(3, double));
    for future in [&mut first, &mut second] {
        assert!(future.as_mut().poll(&mut context).is_pending());
    }
    assert!(third.as_mut().poll(&mut context).is_pending());
    drop(first);
    assert!(second.as_mut().poll(&mut context).is_pending(), "it has gone with the third");
    drop(second);
    assert_eq!(block_on(third), None);
}

#[test]
fn a_job_without_an_answer_is_told_so() {
    let line: Line<u32, u32> = Line::default();
    assert_eq!(block_on(line.go(1, async |_, _| Vec::new())), None);
    assert_eq!(block_on(line.go(1, double)), Some(2));
}

#[test]
fn keys_do_not_wait_for_one_another() {
    let (lines, groups) = (Lines::new(), Cell::new(0));
    let count = async |jobs: Vec<u32>, left: &mut ()| {
        groups.set(groups.get() + 1);
        double(jobs, left).await
    };
    let answers = block_on(join_all(["a", "b", "c"].iter().map(|key| lines.go(key, 1, count))));
    assert_eq!(answers, [Some(2); 3]);
    assert_eq!(groups.get(), 3);
    assert!(lines.is_empty());
}

#[test]
fn who_is_given_up_after_it_was_told_to_go_first_lets_the_next_one_go() {
    let line = Line::default();
    let mut context = Context::from_waker(Waker::noop());
    let mut first = Box::pin(line.go(1, double));
    let mut second = Box::pin(line.go(2, double));
    let mut third = pin!(line.go(3, double));
    assert!(first.as_mut().poll(&mut context).is_pending());
    assert!(second.as_mut().poll(&mut context).is_pending());
    assert!(third.as_mut().poll(&mut context).is_pending());
    drop(first);
    drop(second);
    assert_eq!(block_on(third), Some(6));
    assert_eq!(block_on(line.go(4, double)), Some(8), "nobody is left at it");
}

#[test]
fn each_is_given_what_the_one_before_left_unless_that_one_was_given_up() {
    let lines: Lines<&str, u32, u32, u32> = Lines::new();
    let add = async |jobs: Vec<u32>, left: &mut u32| {
        *left += jobs.iter().sum::<u32>();
        let_others_run().await;
        vec![*left; jobs.len()]
    };
    let all = |jobs: std::ops::Range<u32>| {
        block_on(join_all(jobs.map(async |job| {
            for _ in 0..job * 3 {
                let_others_run().await;
            }
            lines.go(&"a", 1, add).await
        })))
    };
    assert_eq!(all(0..1), [Some(1)]);
    assert_eq!(all(0..1), [Some(1)], "it goes with the line");
    let mut context = Context::from_waker(Waker::noop());
    let mut first = Box::pin(lines.go(&"a", 5, add));
    let mut second = Box::pin(lines.go(&"a", 6, add));
    assert!(first.as_mut().poll(&mut context).is_pending());
    assert_eq!(block_on(first), Some(5));
    let third = Box::pin(lines.go(&"a", 7, add));
    assert!(second.as_mut().poll(&mut context).is_pending());
    drop(second);
    assert_eq!(block_on(third), Some(7));
}
