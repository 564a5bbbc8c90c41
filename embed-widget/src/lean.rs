//! A sort and an index that are a few hundred bytes in the browser, where those of the standard library are thousands for
//! each type.

/// Ascending, in place (heap sort).
pub fn sort(keys: &mut [u64]) {
    let mut end = keys.len();
    let mut start = end / 2;
    while end > 1 {
        if start > 0 {
            start -= 1;
        } else {
            end -= 1;
            keys.swap(0, end);
        }
        let mut root = start;
        while 2 * root + 1 < end {
            let mut child = 2 * root + 1;
            if child + 1 < end && keys[child] < keys[child + 1] {
                child += 1;
            }
            if keys[root] >= keys[child] {
                break;
            }
            keys.swap(root, child);
            root = child;
        }
    }
}

/// Numbers by hash. 64 bits do not meet by chance, so the hash is the key.
#[derive(Debug, Default)]
pub struct Index {
    /// Empty slots have the hash 0.
    slots: Vec<(u64, u32)>,
    len: usize,
}

impl Index {
    pub fn get(&self, hash: u64) -> Option<u32> {
        let slot = self.slots.get(self.slot(hash)?)?;
        (slot.0 == hash | 1).then_some(slot.1)
    }

    pub fn insert(&mut self, hash: u64, value: u32) {
        if self.len * 2 >= self.slots.len() {
            let larger = vec![(0, 0); (self.slots.len() * 2).max(64)];
            for (hash, value) in std::mem::replace(&mut self.slots, larger) {
                if hash != 0 {
                    self.put(hash, value);
                }
            }
        }
        self.len += 1;
        self.put(hash, value);
    }

    pub fn clear(&mut self) {
        self.slots.clear();
        self.len = 0;
    }

    fn put(&mut self, hash: u64, value: u32) {
        if let Some(at) = self.slot(hash)
            && let Some(slot) = self.slots.get_mut(at)
        {
            *slot = (hash | 1, value);
        }
    }

    /// Where the hash is or belongs; at most half of the slots are taken.
    fn slot(&self, hash: u64) -> Option<usize> {
        let hash = hash | 1;
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = (hash >> 20) as usize & mask;
        while let Some(&(held, _)) = self.slots.get(at)
            && held != 0
            && held != hash
        {
            at = (at + 1) & mask;
        }
        Some(at)
    }
}

/// FNV-1a.
pub fn hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sorts(mut keys: Vec<u64>) {
            let mut expected = keys.clone();
            expected.sort_unstable();
            sort(&mut keys);
            prop_assert_eq!(keys, expected);
        }

        #[test]
        fn finds_what_was_put_in(keys in prop::collection::btree_set(any::<u64>(), 0..300), absent: u64) {
            let mut index = Index::default();
            // The lowest bit of a hash is not looked at.
            let keys: std::collections::BTreeSet<u64> = keys.into_iter().map(|key| key | 1).collect();
            for (value, &key) in (0..).zip(&keys) {
                prop_assert_eq!(index.get(key), None);
                index.insert(key, value);
            }
            for (value, &key) in (0..).zip(&keys) {
                prop_assert_eq!(index.get(key), Some(value));
            }
            prop_assert_eq!(index.get(absent).is_some(), keys.contains(&(absent | 1)));
        }
    }
}
