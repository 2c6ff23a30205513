//! Addresses of nodes and pods.
//!
//! Pod addresses come from 198.18.0.0/15, the range set aside for benchmarking networks (RFC 2544, RFC 6890): nothing
//! routes there, and unlike loopback addresses the API accepts them in endpoints.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    net::Ipv4Addr,
    ops::Range,
};

/// First address of the pod range.
const PODS: u32 = u32::from_be_bytes([198, 18, 0, 0]);
/// The local control plane advertises 198.18.0.1, so the first /24 stays out of the pool.
const RESERVED: u32 = 256;
/// Addresses in the /15.
const SIZE: u32 = 1 << 17;

/// The pod addresses of one shard. An address released is the last to be handed out again, as CNI plugins do it.
#[derive(Debug)]
pub struct PodAddresses {
    /// This shard's part of the range; pods adopted from another layout of shards may have addresses outside it.
    part: Range<u32>,
    /// Candidates. One that was claimed while it waited here is passed over.
    free: VecDeque<u32>,
    /// How many pods have an address: more than one when two fleets have run side by side.
    used: HashMap<u32, u32>,
}

impl PodAddresses {
    /// The part of the range that belongs to shard `shard` of `shards`.
    ///
    /// `offset` says where in its part the pool begins. A fleet that adopts pods learns their addresses one after the other;
    /// with an offset of its own it does not meanwhile hand out those that an earlier fleet handed out first.
    pub fn of_shard(shard: u32, shards: u32, offset: u32) -> Self {
        let size = (SIZE - RESERVED) / shards.max(1);
        let first = PODS + RESERVED + shard * size;
        let part = first..first + size;
        let mut free: VecDeque<u32> = part.clone().collect();
        free.rotate_left(offset as usize % free.len().max(1));
        Self { free, part, used: HashMap::new() }
    }

    /// An address nobody in this shard uses, or `None` when all are taken.
    pub fn take(&mut self) -> Option<Ipv4Addr> {
        loop {
            let candidate = self.free.pop_front()?;
            if let Entry::Vacant(unused) = self.used.entry(candidate) {
                unused.insert(1);
                return Some(candidate.into());
            }
        }
    }

    /// Gives an address back. One from outside this shard's part is dropped: another pool may hand it out.
    pub fn release(&mut self, address: Ipv4Addr) {
        let address = u32::from(address);
        let Some(users) = self.used.get_mut(&address) else { return };
        *users -= 1;
        if *users == 0 {
            self.used.remove(&address);
            self.free.push_back(address);
        }
    }

    /// Marks an address as used, because a pod that was adopted has it.
    pub fn claim(&mut self, address: Ipv4Addr) {
        let address = u32::from(address);
        if self.part.contains(&address) {
            *self.used.entry(address).or_default() += 1;
        }
    }
}

const FIRST_NODE: u32 = u32::from_be_bytes([127, 64, 0, 1]);

/// The address of node `index` when the target is on this machine: in 127/8, so that nothing leaves it.
///
/// Starts at 127.64.0.1; the lower part of 127/8 is left to whatever else the machine runs there.
pub(crate) fn loopback_node_address(index: u32) -> Ipv4Addr {
    Ipv4Addr::from(FIRST_NODE + index)
}

/// Whose address it is, the other way round; `None` for one below the first node's.
pub(crate) fn loopback_node_index(address: Ipv4Addr) -> Option<u32> {
    u32::from(address).checked_sub(FIRST_NODE)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_two_shards_hand_out_the_same_address() {
        let mut seen = HashSet::new();
        for shard in 0..3 {
            let mut pool = PodAddresses::of_shard(shard, 3, 7);
            while let Some(address) = pool.take() {
                assert!(seen.insert(address), "{address} handed out twice");
            }
        }
        assert!(seen.len() > 130_000);
        assert!(!seen.contains(&Ipv4Addr::new(198, 18, 0, 1)));
    }

    #[test]
    fn a_claimed_address_is_not_handed_out() {
        let mut pool = PodAddresses::of_shard(0, 1, 0);
        pool.claim(Ipv4Addr::new(198, 18, 1, 0));
        assert_eq!(pool.take(), Some(Ipv4Addr::new(198, 18, 1, 1)));
    }

    #[test]
    fn a_nodes_address_names_the_node() {
        for index in [0, 1, 255, 256, 999_999] {
            assert_eq!(loopback_node_index(loopback_node_address(index)), Some(index));
        }
        assert_eq!(loopback_node_index(Ipv4Addr::LOCALHOST), None);
    }

    #[test]
    fn a_pool_begins_at_its_offset() {
        assert_eq!(PodAddresses::of_shard(0, 1, 3).take(), Some(Ipv4Addr::new(198, 18, 1, 3)));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Take,
        Claim(u32),
        Release(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![Just(Step::Take), (0u32..8).prop_map(Step::Claim), (0usize..8).prop_map(Step::Release)]
    }

    proptest! {
        /// A pool of eight addresses, so that it runs empty and turns over.
        #[test]
        fn what_is_taken_is_used_by_nobody(steps in prop::collection::vec(step(), 1..60)) {
            let mut pool = PodAddresses::of_shard(0, (SIZE - RESERVED) / 8, 5);
            let first = Ipv4Addr::from(PODS + RESERVED);
            let mut users: Vec<Ipv4Addr> = Vec::new();
            for step in steps {
                match step {
                    Step::Take => {
                        if let Some(address) = pool.take() {
                            prop_assert!(!users.contains(&address), "{} is in use", address);
                            users.push(address);
                        } else {
                            prop_assert_eq!(users.iter().collect::<HashSet<_>>().len(), 8);
                        }
                    }
                    Step::Claim(index) => {
                        let address = Ipv4Addr::from(u32::from(first) + index);
                        pool.claim(address);
                        users.push(address);
                    }
                    Step::Release(index) if index < users.len() => pool.release(users.swap_remove(index)),
                    Step::Release(_) => {}
                }
            }
        }
    }
}
