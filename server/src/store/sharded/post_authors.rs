//! Buckets of posts from before the split, whose identifiers do not contain one.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use super::bucket::Bucket;
use super::shard::Directory;
use crate::model::PostId;
use crate::store::StoreError;

/// Posts in a block, which is read at once.
const BLOCK_POSTS: i64 = 4_096;
/// Blocks in memory, at most: 64 MB.
const BLOCKS_MAX: u64 = 8_192;
/// Time after which a block is read again: a data set may have been loaded since.
const TTL: Duration = Duration::from_secs(60);

/// Buckets of posts, read in blocks. Authors of posts never change.
#[derive(Debug)]
pub(super) struct PostAuthors {
    blocks: Cache<i64, Arc<[Option<Bucket>]>>,
}

impl Default for PostAuthors {
    fn default() -> Self {
        let blocks = Cache::builder()
            .max_capacity(BLOCKS_MAX)
            .time_to_live(TTL)
            .build();
        Self { blocks }
    }
}

impl PostAuthors {
    /// Returns the bucket of a post. `NotFound` if there was no such post before the split.
    pub(super) async fn bucket_of(
        &self,
        directory: &dyn Directory,
        post: PostId,
    ) -> Result<Bucket, StoreError> {
        if post.0 < 0 {
            return Err(StoreError::NotFound);
        }
        let (number, index) = (post.0 / BLOCK_POSTS, (post.0 % BLOCK_POSTS) as usize);
        let block = match self.blocks.get(&number) {
            Some(block) => block,
            None => {
                let first = number * BLOCK_POSTS;
                let until = PostId(first + BLOCK_POSTS);
                let mut block = vec![None; BLOCK_POSTS as usize];
                for (post, author) in directory.post_authors(PostId(first), until).await? {
                    block[(post.0 - first) as usize] = Some(Bucket::of_author(author));
                }
                let block: Arc<[_]> = block.into();
                self.blocks.insert(number, Arc::clone(&block));
                block
            }
        };
        block[index].ok_or(StoreError::NotFound)
    }
}
