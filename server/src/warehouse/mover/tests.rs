use proptest::prelude::*;

use self::memory::{MemoryPosts, MemoryWarehouse};
use super::*;
use crate::store::old_posts::month_of;

pub(in crate::warehouse) mod memory;

/// Time before which posts are old.
const BEFORE: Timestamp = Timestamp(1_764_547_200_000);

/// What happens while posts move.
#[derive(Clone, Debug)]
enum Event {
    /// The mover works until its call with this number fails.
    MoveUntil(u32),
    /// A call of the mover is lost after it took effect: the answer, not the effect.
    MoveUntilAnswerLost(u32),
    Edit(usize),
    Delete(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        (0_u32..12).prop_map(Event::MoveUntil),
        (0_u32..12).prop_map(Event::MoveUntilAnswerLost),
        (0_usize..20).prop_map(Event::Edit),
        (0_usize..20).prop_map(Event::Delete),
    ];
    prop::collection::vec(event, 0..20)
}

proptest! {
    /// Kills, edits and deletions happen between any two calls. At the end, each old post is in the warehouse once, with its last edit, and
    /// a deleted post is on neither side.
    #[test]
    fn nothing_is_lost_doubled_or_revived(events in events()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let posts = Arc::new(MemoryPosts::new(20, BEFORE));
            let warehouse = Arc::new(MemoryWarehouse::default());
            let mover = Mover::new(vec![posts.clone()], warehouse.clone());
            let mut expected = posts.all();
            for event in events {
                match event {
                    Event::MoveUntil(calls) => {
                        posts.fail_after(calls, false);
                        warehouse.fail_after(calls, false);
                        let _ = mover.move_older(BEFORE).await;
                    }
                    Event::MoveUntilAnswerLost(calls) => {
                        posts.fail_after(calls, true);
                        warehouse.fail_after(calls, true);
                        let _ = mover.move_older(BEFORE).await;
                    }
                    // Only posts that are still in the database can be changed.
                    Event::Edit(index) => {
                        if let Some(edited) = posts.edit(index) {
                            expected.insert(edited.post.id, edited);
                        }
                    }
                    Event::Delete(index) => {
                        if let Some(deleted) = posts.delete(index) {
                            expected.remove(&deleted);
                        }
                    }
                }
            }
            posts.never_fail();
            warehouse.never_fail();
            mover.move_older(BEFORE).await.unwrap();
            let (old, recent): (Vec<_>, Vec<_>) =
                expected.into_values().partition(|own| own.post.created_at < BEFORE);
            assert_eq!(warehouse.copies(), old);
            assert_eq!(posts.all().into_values().collect::<Vec<_>>(), recent);
            assert_eq!(posts.marks(), 0);
            let checked = mover.check(BEFORE).await.unwrap();
            let in_warehouse: u64 = checked.months.iter().map(|own| own.warehouse.posts).sum();
            assert_eq!(in_warehouse, old.len() as u64);
            assert!(checked.months.iter().all(|own| own.databases.posts == 0));
        });
    }
}

#[tokio::test]
async fn second_move_finds_nothing() {
    let posts = Arc::new(MemoryPosts::new(20, BEFORE));
    let warehouse = Arc::new(MemoryWarehouse::default());
    let mover = Mover::new(vec![posts.clone()], warehouse);
    let before = mover.check(BEFORE).await.unwrap().totals();
    let moved = mover.move_older(BEFORE).await.unwrap();
    assert!(moved.posts > 0 && moved.left == 0, "{moved:?}");
    assert_eq!(mover.move_older(BEFORE).await, Ok(Moved::default()));
    let checked = mover.check(BEFORE).await.unwrap();
    assert_eq!(checked.totals(), before);
    assert!(checked.months.len() > 1);
    assert!(checked.months.is_sorted_by_key(|own| own.databases.month));
}

#[test]
fn versions_ascend() {
    let versions: Vec<_> = (0..1_000).map(|_| next_version()).collect();
    assert!(versions.is_sorted_by(|one, next| one < next));
    assert_eq!(month_of(BEFORE), 202_512);
}
