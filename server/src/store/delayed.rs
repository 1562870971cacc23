//! Store whose calls can be delayed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{CacheStats, Held, PostList, ReplicaStats, Shared, Store, StoreError, WriteStats};
use crate::data_set::{Content, Loaded};
use crate::delays::{Component, Delays, Hold};
use crate::model::{
    Credentials, LiveSession, NewPost, NewSession, NewUser, Page, Photo, Post, PostEdit, PostId,
    Timestamp, TokenDigest, User, UserId,
};

/// Store whose calls can be delayed. A delayed call keeps its connection, thread or writer for longer.
///
/// Reads of one record and of lists are components of their own: they differ in length, and may use different connections and threads.
#[derive(Debug)]
pub(crate) struct DelayedStore {
    inner: Arc<dyn Store>,
    delays: Arc<Delays>,
    origin: Origin,
}

/// Database that a store reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The primary, which takes the writes too.
    Primary,
    /// A replica.
    Replica,
}

impl Origin {
    fn component(self, held: Held) -> Component {
        match (self, held) {
            (_, Held::Write) => Component::StoreWrite,
            (Self::Primary, Held::Point) => Component::StorePoint,
            (Self::Primary, Held::List) => Component::StoreList,
            (Self::Replica, Held::Point) => Component::ReplicaPoint,
            (Self::Replica, Held::List) => Component::ReplicaList,
        }
    }
}

impl DelayedStore {
    /// Wraps a store.
    pub(crate) fn new(inner: Arc<dyn Store>, delays: &Arc<Delays>, origin: Origin) -> Self {
        Self {
            inner,
            delays: Arc::clone(delays),
            origin,
        }
    }

    async fn call<T>(
        &self,
        held: Held,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let component = self.origin.component(held);
        let hold = |time| self.inner.hold(held, time);
        let way = self.inner.hold_of(held);
        self.delays.delayed(component, way, hold, call).await
    }

    async fn point<T>(
        &self,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.call(Held::Point, read).await
    }

    async fn list<T>(
        &self,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.call(Held::List, read).await
    }

    async fn write<T>(
        &self,
        write: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.call(Held::Write, write).await
    }
}

#[async_trait]
impl Store for DelayedStore {
    async fn create_user(&self, new: NewUser) -> Result<User, StoreError> {
        self.write(self.inner.create_user(new)).await
    }

    async fn credentials(&self, handle: &str) -> Result<Credentials, StoreError> {
        self.point(self.inner.credentials(handle)).await
    }

    async fn user(&self, id: UserId) -> Result<User, StoreError> {
        self.point(self.inner.user(id)).await
    }

    async fn create_session(&self, new: NewSession) -> Result<(), StoreError> {
        self.write(self.inner.create_session(new)).await
    }

    async fn session(
        &self,
        token: &TokenDigest,
        now: Timestamp,
    ) -> Result<LiveSession, StoreError> {
        self.point(self.inner.session(token, now)).await
    }

    async fn delete_session(&self, token: &TokenDigest) -> Result<(), StoreError> {
        self.write(self.inner.delete_session(token)).await
    }

    async fn create_post(&self, new: NewPost) -> Result<Post, StoreError> {
        self.write(self.inner.create_post(new)).await
    }

    async fn post(&self, id: PostId) -> Result<Post, StoreError> {
        self.point(self.inner.post(id)).await
    }

    async fn update_post(
        &self,
        author: UserId,
        id: PostId,
        edit: PostEdit,
    ) -> Result<Post, StoreError> {
        self.write(self.inner.update_post(author, id, edit)).await
    }

    async fn delete_post(&self, author: UserId, id: PostId) -> Result<Option<Photo>, StoreError> {
        self.write(self.inner.delete_post(author, id)).await
    }

    async fn posts_by(&self, author: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        self.list(self.inner.posts_by(author, page)).await
    }

    async fn follow(
        &self,
        follower: UserId,
        followee: UserId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(self.inner.follow(follower, followee, at)).await
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<bool, StoreError> {
        self.write(self.inner.unfollow(follower, followee)).await
    }

    async fn followees(&self, user: UserId, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.list(self.inner.followees(user, limit)).await
    }

    async fn feed(&self, user: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        self.list(self.inner.feed(user, page)).await
    }

    async fn posts_with(&self, ids: Vec<PostId>) -> Result<Vec<Post>, StoreError> {
        self.list(self.inner.posts_with(ids)).await
    }

    async fn posts_by_any(
        &self,
        authors: Vec<UserId>,
        page: Page,
    ) -> Result<Vec<Post>, StoreError> {
        self.list(self.inner.posts_by_any(authors, page)).await
    }

    async fn recount(&self, user: UserId) -> Result<u64, StoreError> {
        self.inner.recount(user).await
    }

    async fn set_has_photo(&self, post: PostId) -> Result<(), StoreError> {
        self.write(self.inner.set_has_photo(post)).await
    }

    async fn put_photo(&self, author: UserId, photo: Photo) -> Result<Option<Photo>, StoreError> {
        self.write(self.inner.put_photo(author, photo)).await
    }

    async fn photo(&self, post: PostId) -> Result<Photo, StoreError> {
        self.point(self.inner.photo(post)).await
    }

    async fn load(&self, content: Arc<Content>) -> Result<Loaded, StoreError> {
        self.inner.load(content).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }

    fn write_stats(&self) -> WriteStats {
        self.inner.write_stats()
    }

    async fn beat(&self, origin: i64, number: i64, at: Timestamp) -> Result<(), StoreError> {
        self.inner.beat(origin, number, at).await
    }

    async fn newest_beat(&self, origin: i64) -> Result<Option<i64>, StoreError> {
        self.inner.newest_beat(origin).await
    }

    async fn shared_post(&self, id: PostId) -> Result<Arc<Shared<Post>>, StoreError> {
        self.point(self.inner.shared_post(id)).await
    }

    async fn shared_user(&self, id: UserId) -> Result<Arc<Shared<User>>, StoreError> {
        self.point(self.inner.shared_user(id)).await
    }

    async fn shared_posts_by(
        &self,
        author: UserId,
        page: Page,
    ) -> Result<Arc<Shared<PostList>>, StoreError> {
        self.list(self.inner.shared_posts_by(author, page)).await
    }

    async fn shared_feed(
        &self,
        user: UserId,
        page: Page,
    ) -> Result<Arc<Shared<PostList>>, StoreError> {
        self.list(self.inner.shared_feed(user, page)).await
    }

    fn cache_stats(&self) -> Option<CacheStats> {
        self.inner.cache_stats()
    }

    fn replica_stats(&self) -> Vec<ReplicaStats> {
        self.inner.replica_stats()
    }

    fn primary_reads(&self) -> u64 {
        self.inner.primary_reads()
    }

    async fn hold(&self, call: Held, time: Duration) -> Result<Duration, StoreError> {
        self.inner.hold(call, time).await
    }

    fn hold_of(&self, call: Held) -> Hold {
        self.inner.hold_of(call)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::store::MemoryStore;
    use crate::store::contract::{self, new_user};

    const MINUTE: Duration = Duration::from_mins(1);

    /// Wraps a store, and delays a component.
    fn delayed(inner: Arc<dyn Store>, component: Component, delay: Duration) -> Arc<DelayedStore> {
        let delays = Arc::new(Delays::default());
        delays.start(component, delay, MINUTE);
        Arc::new(DelayedStore::new(inner, &delays, Origin::Primary))
    }

    #[tokio::test]
    async fn keeps_contract() {
        for component in [
            Component::StorePoint,
            Component::StoreList,
            Component::StoreWrite,
        ] {
            contract::is_kept(async || {
                let inner = Arc::new(MemoryStore::default());
                delayed(inner, component, Duration::from_micros(5)) as Arc<dyn Store>
            })
            .await;
        }
    }

    #[cfg(feature = "sqlite")]
    #[tokio::test]
    async fn keeps_contract_of_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        let number = std::cell::Cell::new(0);
        contract::is_kept(async || {
            number.set(number.get() + 1);
            let path = folder.path().join(format!("{}.db", number.get()));
            let inner = crate::store::resolve(&format!("sqlite:{}", path.display())).await;
            delayed(
                inner.unwrap(),
                Component::StoreWrite,
                Duration::from_micros(5),
            ) as Arc<dyn Store>
        })
        .await;
    }

    #[tokio::test]
    async fn delays_points_or_lists_or_writes() {
        let delay = Duration::from_millis(40);
        for component in [
            Component::StorePoint,
            Component::StoreList,
            Component::StoreWrite,
        ] {
            let store = delayed(Arc::new(MemoryStore::default()), component, delay);
            let began = Instant::now();
            let user = store.create_user(new_user("ada")).await.unwrap();
            let write = began.elapsed();
            store.user(user.id).await.unwrap();
            let point = began.elapsed() - write;
            store.feed(user.id, Page::new(None, 20)).await.unwrap();
            let list = began.elapsed() - write - point;
            for (own, took) in [
                (Component::StorePoint, point),
                (Component::StoreList, list),
                (Component::StoreWrite, write),
            ] {
                assert_eq!(took >= delay, own == component, "{own:?}: {took:?}");
                assert_eq!(store.delays.calls(own).count, 1);
            }
        }
    }

    #[tokio::test]
    async fn reads_of_a_replica_are_components_of_their_own() {
        let delays = Arc::new(Delays::default());
        delays.start(Component::ReplicaList, Duration::ZERO, MINUTE);
        let inner = Arc::new(MemoryStore::default());
        let user = inner.create_user(new_user("ada")).await.unwrap();
        let store = DelayedStore::new(inner, &delays, Origin::Replica);
        store.user(user.id).await.unwrap();
        store.feed(user.id, Page::new(None, 20)).await.unwrap();
        assert_eq!(delays.calls(Component::ReplicaPoint).count, 1);
        assert_eq!(delays.calls(Component::ReplicaList).count, 1);
        assert_eq!(delays.calls(Component::StorePoint).count, 0);
    }

    /// A write has to wait for its own batch, which its delay is a part of, and for no other.
    #[cfg(feature = "sqlite")]
    #[tokio::test]
    async fn a_delayed_write_is_in_one_batch() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let inner = crate::store::resolve(&format!("sqlite:{}", path.display())).await;
        let delay = Duration::from_millis(100);
        let store = delayed(inner.unwrap(), Component::StoreWrite, delay);
        let began = Instant::now();
        // The first is alone in its batch. The others wait for it, and share the next one.
        let writes = (0..20).map(|number| {
            let store = Arc::clone(&store);
            async move {
                let new = new_user(&format!("user{number}"));
                store.create_user(new).await.unwrap();
            }
        });
        futures_util::future::join_all(writes).await;
        let took = began.elapsed();
        assert!(took >= delay && took < 3 * delay, "{took:?}");
        let calls = store.delays.calls(Component::StoreWrite);
        assert_eq!(calls.count, 20);
        // The delays are no part of the calls, apart from the wait for the batch before.
        assert!(calls.busy < 20 * 3 * delay / 2, "{calls:?}");
    }

    /// The writer sleeps once for the writes that share a commit, as a slower disk would delay them.
    #[cfg(feature = "sqlite")]
    #[tokio::test]
    async fn batch_of_writes_is_held_once_and_lists_hold_connections() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let inner = crate::store::resolve(&format!("sqlite:{}", path.display())).await;
        let inner = inner.unwrap();
        let each = Duration::from_millis(40);
        let hold = async |call, count: usize| {
            let began = Instant::now();
            let holds = (0..count).map(|_| inner.hold(call, each));
            for held in futures_util::future::join_all(holds).await {
                assert!(held.unwrap() >= each);
            }
            began.elapsed()
        };
        // The first may be alone in its batch.
        assert!(hold(Held::Write, 20).await < 10 * each);
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        assert!(hold(Held::List, 3 * (cores + 1)).await >= 3 * each);
    }
}
