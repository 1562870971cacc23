-- The newest beat of each process, by which it knows how far a replica is behind.
CREATE TABLE heartbeat (
    origin INTEGER PRIMARY KEY,
    number INTEGER NOT NULL,
    beaten_at INTEGER NOT NULL
) STRICT;

-- Finds the beats to forget.
CREATE INDEX heartbeat_beaten_at ON heartbeat (beaten_at);
