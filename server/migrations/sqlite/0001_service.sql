-- Metadata of the store, such as the fingerprint of its data set.
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Denormalised counters: counting the followers of a popular user would read each of them.
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    handle TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    followers INTEGER NOT NULL DEFAULT 0,
    following INTEGER NOT NULL DEFAULT 0,
    posts INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE sessions (
    token BLOB PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Finds expired sessions.
CREATE INDEX sessions_expires_at ON sessions (expires_at);

-- AUTOINCREMENT, because cursors rely on identifiers never being reused.
CREATE TABLE posts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    author_id INTEGER NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    has_photo INTEGER NOT NULL DEFAULT 0,
    content TEXT NOT NULL,
    html TEXT NOT NULL
) STRICT;

-- Includes the rowid, so it returns the newest posts of an author in order.
CREATE INDEX posts_author_id ON posts (author_id);

CREATE TABLE follows (
    follower_id INTEGER NOT NULL REFERENCES users (id),
    followee_id INTEGER NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (follower_id, followee_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE photos (
    post_id INTEGER PRIMARY KEY REFERENCES posts (id),
    media_type TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    file_key TEXT NOT NULL,
    etag TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
