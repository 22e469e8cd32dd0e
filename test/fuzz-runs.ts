/** Damaged inputs for each decoder: some by default, and as many as `SWIPEWIRE_FUZZ_RUNS` says where CI asks for all. */
export const fuzzRuns = Number(process.env["SWIPEWIRE_FUZZ_RUNS"] ?? 5_000);
