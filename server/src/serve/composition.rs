//! Composition of the store from the databases, the other parts of the service, and the cache.

use std::sync::Arc;
use std::time::Duration;

use super::ServeError;
use crate::cache::{Cache, DelayedCache};
use crate::config::{Config, Role};
use crate::edges::{PurgedStore, Purger};
use crate::feeds::{Announcer, FeedMode, FeedStore, Feeds};
use crate::polyglot::{Sessions, StoreSessions};
use crate::queue::Jobs;
use crate::services::{self, DividedStore, Remote, RemoteSessions, Users};
use crate::store::sharded::ShardedStore;
use crate::store::{
    CacheOptions, CachedStore, DelayedStore, FederatedStore, FeedTable, Origin, Outbox, PhotoTable,
    SplitOptions, SplitStore, Store, StoreError,
};
use crate::telemetry::FeedDesk;
use crate::warehouse::{Archive, ArchivedStore, Mover};

/// A store, and what else uses its databases.
pub(crate) struct Composed {
    pub(super) store: Arc<dyn Store>,
    /// The same without the cache in front of it.
    pub(super) beneath_cache: Arc<dyn Store>,
    /// `None` if the store has no shards.
    pub(super) sharded: Option<Arc<ShardedStore>>,
    /// `None` if feeds are not written.
    pub(super) feeds: Option<FeedDesk>,
    /// Database of photos, and the store of their posts. `None` if photos are with their posts.
    pub(super) photos: Option<(Arc<dyn PhotoTable>, Arc<dyn Store>)>,
}

impl Composed {
    /// A store alone.
    pub(crate) fn of(store: Arc<dyn Store>) -> Self {
        Self {
            beneath_cache: Arc::clone(&store),
            store,
            sharded: None,
            feeds: None,
            photos: None,
        }
    }

    /// Puts a cache in front of the store.
    pub(crate) fn cached(self, cache: Arc<dyn Cache>, options: CacheOptions) -> Self {
        let store = Arc::clone(&self.beneath_cache);
        Self {
            store: Arc::new(CachedStore::new(store, cache, options)),
            ..self
        }
    }
}

/// Composes the store, and the cache in front of it.
pub(super) async fn compose(config: &Config) -> Result<Composed, ServeError> {
    if config.role.is_part() && config.feeds.mode != FeedMode::Read {
        return Err(ServeError::FeedsOfParts);
    }
    let cache = config.cache_url.as_deref().map(crate::cache::resolve);
    let mut cache = cache.transpose()?;
    if let (Some(inner), Some(delays)) = (&cache, &config.delays) {
        cache = Some(Arc::new(DelayedCache::new(Arc::clone(inner), delays)));
    }
    let mut composed = match config.role.has_posts() {
        true => databases(config, cache.as_ref()).await?,
        false => Composed::of(divided(config).await?),
    };
    if let Some(cache) = cache {
        let options = CacheOptions {
            settling: config.replica_lag_max + Duration::from_secs(1),
            ..config.cache.clone()
        };
        composed = composed.cached(cache, options);
    }
    if !config.edges.urls.is_empty() {
        // Above the cache: an edge that asks after a purge gets the new value.
        let staleness = config.cache_url.as_ref().map(|_| config.cache.staleness);
        let purger = Purger::start(&config.edges, staleness.unwrap_or_default())?;
        composed.store = Arc::new(PurgedStore::new(composed.store, Arc::new(purger)));
    }
    Ok(composed)
}

/// Makes the store slower by request.
fn delayed(config: &Config, store: Arc<dyn Store>, origin: Origin) -> Arc<dyn Store> {
    match &config.delays {
        Some(delays) => Arc::new(DelayedStore::new(store, delays, origin)),
        None => store,
    }
}

/// Composes the store of a part without posts.
async fn divided(config: &Config) -> Result<Arc<dyn Store>, ServeError> {
    let users = match config.role {
        Role::Users => Users::Here(crate::store::resolve(&config.store_url).await?),
        _ => Users::There(remote(config, Role::Users)?),
    };
    let store = DividedStore::new(users, remote(config, Role::Posts)?);
    Ok(delayed(config, Arc::new(store), Origin::Primary))
}

/// Prepares calls of another part.
fn remote(config: &Config, part: Role) -> Result<Arc<dyn Remote>, ServeError> {
    let (name, url) = match part {
        Role::Users => ("users", &config.services.users),
        _ => ("posts", &config.services.posts),
    };
    match (url, &config.services.key) {
        (Some(url), Some(key)) => Ok(services::resolve(name, url, key)?),
        _ => Err(ServeError::PartWithoutService {
            role: config.role,
            needs: name,
        }),
    }
}

/// Opens the sessions: in a store of their own, in the part with the users, or in the store.
pub(super) async fn sessions(
    config: &Config,
    store: &Arc<dyn Store>,
) -> Result<Arc<dyn Sessions>, ServeError> {
    Ok(match (&config.sessions_url, config.role) {
        (Some(url), _) => crate::polyglot::resolve_sessions(url).await?,
        (None, Role::Posts | Role::Photos | Role::Feeds) => {
            Arc::new(RemoteSessions(remote(config, Role::Users)?))
        }
        (None, _) => Arc::new(StoreSessions::new(Arc::clone(store))),
    })
}

/// Composes the store from its databases, their shards or replicas, and its written feeds.
async fn databases(
    config: &Config,
    cache: Option<&Arc<dyn Cache>>,
) -> Result<Composed, ServeError> {
    // The innermost store: a cache answers reads without the database.
    let delayed = |store, origin| delayed(config, store, origin);
    let mut sharded = None;
    let (base, table): (Arc<dyn Outbox>, Arc<dyn FeedTable>) = match &config.shards[..] {
        [] => {
            let base = crate::store::resolve_base(&config.store_url).await?;
            (base.clone(), base)
        }
        _ if !config.replica_urls.is_empty() => {
            let both = "a store with shards has no replicas; give one or the other";
            return Err(StoreError::Invalid(both.to_owned()).into());
        }
        shards => {
            let store = crate::store::resolve_sharded(&config.store_url, shards).await?;
            sharded = Some(Arc::clone(&store));
            let table = store.directory();
            (store, table)
        }
    };
    let mut store = delayed(base.clone(), Origin::Primary);
    let namespace = &config.cache.namespace;
    if !config.replica_urls.is_empty() {
        let replicas = config.replica_urls.iter();
        let replicas = replicas
            .map(|url| crate::store::resolve_replica(url).map(|own| delayed(own, Origin::Replica)));
        let options = SplitOptions {
            lag_max: config.replica_lag_max,
            namespace: namespace.clone(),
            ..SplitOptions::default()
        };
        let replicas = replicas.collect::<Result<_, StoreError>>()?;
        store = Arc::new(SplitStore::new(store, replicas, cache.cloned(), options));
    }
    if let Some(archive) = &config.archive {
        let warehouse = crate::warehouse::resolve(&archive.warehouse_url).await?;
        // Below the cache, which has frequent old posts as well.
        store = Arc::new(ArchivedStore::new(store, warehouse));
    }
    let mut photos = None;
    if let Some(url) = &config.photos_url {
        let table = crate::store::resolve_photos(url).await?;
        photos = Some((Arc::clone(&table), Arc::clone(&store)));
        store = Arc::new(FederatedStore::new(store, table));
    }
    let feeds = open_feeds(config, base, table).await?;
    if let Some(feeds) = &feeds {
        let announcer = Announcer::start(Arc::clone(&feeds.feeds), feeds.jobs.intake());
        store = Arc::new(FeedStore::new(store, Arc::clone(&feeds.feeds), announcer));
    }
    Ok(Composed {
        beneath_cache: Arc::clone(&store),
        store,
        sharded,
        feeds,
        photos,
    })
}

/// Opens the written feeds. `None` if feeds are not written: then those that were are stale from now on.
async fn open_feeds(
    config: &Config,
    base: Arc<dyn Outbox>,
    table: Arc<dyn FeedTable>,
) -> Result<Option<FeedDesk>, ServeError> {
    if config.feeds.mode == FeedMode::Read {
        table.spoil_all_feeds().await?;
        return Ok(None);
    }
    if config.archive.is_some() {
        return Err(ServeError::FeedsWithWarehouse);
    }
    let url = config.queue_url.as_deref();
    let url = url.ok_or(ServeError::FeedsWithoutQueue)?;
    let jobs = Jobs::open_beside(url, Some("feeds"), &config.queue)?;
    let feeds = Arc::new(Feeds::new(base, table, config.feeds.clone()));
    Ok(Some(FeedDesk::new(feeds, jobs)))
}

/// Prepares the moves of old posts from the databases of the store.
pub(super) async fn archive(config: &Config) -> Result<Option<Arc<Archive>>, ServeError> {
    let options = config.archive.as_ref();
    let Some(options) = options.filter(|_| config.role.has_posts()) else {
        return Ok(None);
    };
    let urls = config
        .shards
        .iter()
        .map(|shard| shard.split_once('=').map_or(shard.as_str(), |(_, url)| url));
    let mut urls: Vec<&str> = urls.collect();
    if urls.is_empty() {
        urls.push(&config.store_url);
    }
    let sources = urls.into_iter().map(crate::store::resolve_old_posts);
    let sources = sources.collect::<Result<_, StoreError>>()?;
    let warehouse = crate::warehouse::resolve(&options.warehouse_url).await?;
    let mover = Mover::new(sources, Arc::clone(&warehouse));
    let archive = Archive::new(mover, warehouse, options.keep_months);
    Ok(Some(Arc::new(archive)))
}
