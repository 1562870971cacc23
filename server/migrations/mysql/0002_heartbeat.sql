-- The newest beat of each process, by which it knows how far a replica is behind.
CREATE TABLE IF NOT EXISTS heartbeat (
    origin BIGINT PRIMARY KEY,
    number BIGINT NOT NULL,
    beaten_at BIGINT NOT NULL,
    -- Finds the beats to forget.
    KEY heartbeat_beaten_at (beaten_at)
) ENGINE = InnoDB;
