-- Records of photos, in a database without posts.
CREATE TABLE photo_records (
    post_id INTEGER PRIMARY KEY,
    media_type TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    file_key TEXT NOT NULL,
    etag TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- Posts whose record may contradict the post: one of both was changed, and then the other.
CREATE TABLE photo_notes (
    post_id INTEGER NOT NULL,
    token INTEGER NOT NULL,
    noted_at INTEGER NOT NULL,
    PRIMARY KEY (post_id, token)
) STRICT, WITHOUT ROWID;
