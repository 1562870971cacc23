mod simulation;
mod under_load;
