public import Time

/// A purge as Redis is told of it.
public enum SharedPurge: Sendable, Hashable {
    /// By generation: at once, whatever is stored. Not for targets.
    case name(Purge)
    /// All variants of one target, by the hash that the memory cache knows it by, for where its names cannot
    /// be made: without a host, or with request fields in the key. `bucketOf` is the stable hash of the target
    /// without its host. One in 4096 others goes as well.
    case target(hash: UInt64, bucketOf: UInt64)
    /// Exactly the targets of these base names, at least one; `notice` is the hash that the memory cache knows
    /// the target by; nil: only those hear of it that have copies of what is stored.
    case keys([SharedKey], notice: UInt64?)
}

/// The commands of the shared cache, each as its arguments. No more than bytes: who sends them, and
/// over what, is another matter.
public struct SharedCommands: Sendable {
    /// How the functions of `SharedLibrary` are called.
    public enum Form: Sendable, Equatable {
        /// As functions (Redis 7).
        case functions
        /// As a script, by the hash that `SCRIPT LOAD` gave.
        case script(hash: [UInt8])
    }

    /// A lease to fetch something under.
    public struct Lease: Sendable, Equatable {
        /// What it is on: the base name while it is not known that the target varies, else the variant's.
        public var key: SharedKey
        /// What tells who holds it: random bytes.
        public var token: [UInt8]
        /// The number that came with it.
        public var number: Int64

        /// A lease from its parts.
        public init(key: SharedKey, token: [UInt8], number: Int64) {
            self.key = key
            self.token = token
            self.number = number
        }
    }

    /// Where a variant belongs.
    public struct Variant: Sendable, Equatable {
        /// The base name of its target.
        public var base: SharedKey
        /// The write-id of the record that was found under the base name before the fetch; nil if there
        /// was none.
        public var known: UInt64?
        /// The record for what is known now.
        public var record: VaryRecord

        /// A place from its parts.
        public init(base: SharedKey, known: UInt64?, record: VaryRecord) {
            self.base = base
            self.known = known
            self.record = record
        }
    }

    /// The keys.
    public let names: SharedNames
    /// How functions are called.
    public var form: Form

    /// Commands about the keys of `names`.
    public init(names: SharedNames, form: Form = .functions) {
        self.names = names
        self.form = form
    }

    /// Looks a record up without a lease. `known`: the write-id of a copy at hand, whose content is then not sent
    /// again. `readOnly`: as a replica takes it. The reply is for `SharedLookUp`.
    public func peek(_ key: SharedKey, known: UInt64? = nil, readOnly: Bool = false) -> [[UInt8]] {
        call("peek", [names.object(key)], [Self.bytes(known)], readOnly: readOnly)
    }

    /// Looks a record up, and takes the lease on fetching it unless it is fresh at `now` or another instance has
    /// the lease. For a variant, once its target is known to vary, `key` is its own. The reply is for
    /// `SharedLookUp`.
    public func getOrLease(
        _ key: SharedKey, token: [UInt8], leaseMilliseconds: UInt64, now: Timestamp,
        known: UInt64? = nil
    ) -> [[UInt8]] {
        call(
            "get_or_lease", [names.object(key), names.lease(key)],
            [
                Self.bytes(known), token, Self.decimal(max(1, leaseMilliseconds)),
                Self.decimal(now.nanoseconds / 1_000_000),
            ])
    }

    /// Stores a record, if the lease is still held and nothing that it depends on was purged since. `variant`: where
    /// it belongs, if the answer varies. The reply is for `SharedFillOutcome`.
    public func fill(
        _ key: SharedKey, _ lease: Lease, record: [UInt8], keepMilliseconds: UInt64,
        variant: Variant? = nil
    ) -> [[UInt8]] {
        var keys = [names.object(key), names.lease(lease.key)]
        var arguments = [
            lease.token, Self.decimal(lease.number), Self.decimal(max(1, keepMilliseconds)), record,
        ]
        if let variant {
            keys.append(names.object(variant.base))
            arguments += [Self.bytes(variant.known), variant.record.encoded(), key.bytes]
        }
        return call("fill_if_lease", keys, arguments)
    }

    /// Gives a lease back without an answer, and wakes who waits for one. The reply is a number: 1 if it
    /// was held.
    public func release(_ lease: Lease) -> [[UInt8]] {
        call(
            "release_lease", [names.object(lease.key), names.lease(lease.key)],
            [lease.token, [], Self.decimal(0)])
    }

    /// Gives a lease back because the answer is not to be shared: others are told for so long.
    public func release(
        _ lease: Lease, unsharedMilliseconds: UInt64, writeID: UInt64
    ) -> [[UInt8]] {
        call(
            "release_lease", [names.object(lease.key), names.lease(lease.key)],
            [
                lease.token, UnsharedRecord.encoded(writeID: writeID),
                Self.decimal(max(1, unsharedMilliseconds)),
            ])
    }

    /// Makes a lease last so long from now on. The reply is a number: 1 if it was held.
    public func renew(_ lease: Lease, milliseconds: UInt64) -> [[UInt8]] {
        call(
            "renew_lease", [names.lease(lease.key)],
            [lease.token, Self.decimal(max(1, milliseconds))])
    }

    /// The first bytes of a record, for `EntryCodec.writeID`: whether a copy at hand is still it.
    public func readHeader(_ key: SharedKey) -> [[UInt8]] {
        [Self.text("GETRANGE"), names.object(key), Self.text("0"), Self.text("15")]
    }

    /// Writes a heartbeat of `instance`, which Redis forgets after `Heartbeat.keepMilliseconds`.
    public func heartbeat(_ beat: Heartbeat, instance: [UInt8]) -> [[UInt8]] {
        [
            Self.text("SET"), names.prefix + beat.key(instance: instance), Self.text("1"),
            Self.text("PX"), Self.decimal(Heartbeat.keepMilliseconds),
        ]
    }

    /// Calls a function of the library.
    func call(
        _ name: String, _ keys: [[UInt8]], _ arguments: [[UInt8]], readOnly: Bool = false
    ) -> [[UInt8]] {
        let count = Self.decimal(keys.count)
        switch form {
        case .functions:
            let function = Self.text(SharedLibrary.name + "_" + name)
            return [Self.text(readOnly ? "FCALL_RO" : "FCALL"), function, count] + keys + arguments
        case .script(let hash):
            // The script takes the function's name from the end.
            return [Self.text(readOnly ? "EVALSHA_RO" : "EVALSHA"), hash, count] + keys + arguments
                + [Self.text(name)]
        }
    }

    static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

    static func decimal(_ number: some BinaryInteger) -> [UInt8] { Array(String(number).utf8) }

    /// A write-id as it stands in a record; nothing for none.
    static func bytes(_ writeID: UInt64?) -> [UInt8] {
        var bytes: [UInt8] = []
        if let writeID { bytes.append(littleEndian: writeID) }
        return bytes
    }
}
