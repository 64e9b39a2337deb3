//! Which shard owns a queue. Every shard computes this for itself, so it depends on nothing but the names.

/// The index, below `shards`, of the shard that owns (binding, domain). The domain is folded.
pub fn owner(binding: &str, domain: &str, shards: usize) -> usize {
    assert!(shards > 0, "somebody owns every queue");
    let mut state: u64 = 0xCBF2_9CE4_8422_2325;
    // No name holds a zero byte, so the two names cannot run into each other.
    for byte in binding.bytes().chain([0]).chain(domain.bytes()) {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    // FNV-1a leaves the upper bits of short names poor; they decide here, so they are mixed once more.
    state = (state ^ (state >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    state ^= state >> 33;
    ((u128::from(state) * shards as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_a_queue_never_changes() {
        for (binding, domain, shards, index) in
            [("default", "alpha.example", 16, 4), ("out-a", "beta.example", 16, 6), ("a", "bc.example", 1, 0)]
        {
            assert_eq!(owner(binding, domain, shards), index, "{binding} {domain}");
        }
        assert_ne!(owner("ab", "c.example", 1 << 30), owner("a", "bc.example", 1 << 30));
    }

    #[test]
    fn queues_spread_evenly_over_shards() {
        for shards in [2, 3, 8, 24] {
            let mut owned = vec![0u32; shards];
            for number in 0..24_000 {
                owned[owner("out-1", &format!("d{number}.example"), shards)] += 1;
            }
            let fair = 24_000 / shards as u32;
            for count in owned {
                assert!(count.abs_diff(fair) < fair / 5, "{count} of {fair} with {shards} shards");
            }
        }
    }
}
