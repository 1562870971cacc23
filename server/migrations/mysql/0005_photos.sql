-- Records of photos, in a database without posts.
CREATE TABLE IF NOT EXISTS photo_records (
    post_id BIGINT PRIMARY KEY,
    media_type VARCHAR(255) NOT NULL,
    bytes BIGINT NOT NULL,
    file_key VARCHAR(255) NOT NULL,
    etag VARCHAR(255) NOT NULL,
    created_at BIGINT NOT NULL
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

-- Posts whose record may contradict the post: one of both was changed, and then the other.
CREATE TABLE IF NOT EXISTS photo_notes (
    post_id BIGINT NOT NULL,
    token BIGINT NOT NULL,
    noted_at BIGINT NOT NULL,
    PRIMARY KEY (post_id, token)
) ENGINE = InnoDB;
