//! A replica that has an older state of the store, and takes its place.

use std::rc::Rc;

use super::choice::Effect;
use super::replica::Replica;
use super::state::World;
use crate::call::Reply;
use crate::disk::Disk;
use crate::invariants::Violation;
use crate::mind::Mind;
use crate::truth::Truth;

impl<M: Mind> World<M> {
    /// The replica catches up.
    pub(super) fn replicate(&mut self) -> Effect {
        if self.replica.as_ref().is_some_and(|replica| replica.writes == self.writes) {
            return Effect::Nothing;
        }
        let (disk, truth, writes) = (self.disk.clone(), self.truth.clone(), self.writes);
        self.replica = Some(Rc::new(Replica { disk, truth, writes }));
        Effect::Done(Vec::new())
    }

    /// The replica takes over, with what it has. Every connection breaks, and what was under way is gone with the old
    /// store.
    pub(super) fn fail_over(&mut self) -> Result<Effect, Violation> {
        let flavour = self.disk.flavour();
        let replica = self.replica.clone().unwrap_or_else(|| {
            let truth = Truth::new(self.truth.bug());
            Rc::new(Replica { disk: Disk::new(flavour), truth, writes: 0 })
        });
        self.truth.fall_back(&replica.truth)?;
        self.disk = replica.disk.clone();
        self.late.clear();
        for running in self.clients.iter_mut().filter_map(|client| client.running.as_mut()) {
            running.began = running.began.min(self.truth.model().stands(&running.task));
            running.fell_back = true;
            if running.wrote > replica.writes {
                (running.moved, running.net, running.began_to_count) = (0, 0, false);
                running.totals.clear();
            }
        }
        self.instances.iter_mut().for_each(|instance| instance.wrote = 0);
        // The replica of the new master has everything that the master has.
        self.writes += 1;
        let (disk, truth, writes) = (self.disk.clone(), self.truth.clone(), self.writes);
        self.replica = Some(Rc::new(Replica { disk, truth, writes }));
        let flying: Vec<_> = self.flying.iter().map(|flight| flight.origin).collect();
        let mut all = Vec::new();
        for origin in flying {
            if let Effect::Done(over) = self.answer(origin, |_, _| Ok(Reply::Error))? {
                all.extend(over);
            }
        }
        Ok(Effect::Done(all))
    }
}
