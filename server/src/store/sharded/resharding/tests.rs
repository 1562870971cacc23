mod simulation;
mod sqlite;
