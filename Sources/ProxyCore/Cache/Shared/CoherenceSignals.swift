public import Time

/// What the listener to Redis' invalidations and the master resolver tell `Coherence`.
public enum CoherenceEvent: Sendable {
    /// There is a master, of this generation.
    case master(generation: UInt64)
    /// There is none.
    case noMaster
    /// The listener of this attempt is set up: `CLIENT TRACKING` and `SUBSCRIBE` were answered.
    case listening(attempt: UInt64)
    /// The listener of this attempt broke, or could not be set up.
    case lost(attempt: UInt64)
    /// An invalidation that this attempt's listener got: these keys; nil for all.
    case invalidated(attempt: UInt64, keys: [[UInt8]]?)
    /// `Coherence.wake` has come.
    case tick
    /// The shared cache is switched off.
    case off
}

/// What is to be done, in this order.
public enum CoherenceAction: Sendable, Equatable {
    /// Make a listener to the master of this generation: one connection which tracks the prefixes by
    /// broadcast, redirected to itself, and is subscribed. Close the one before. How fast to dial after
    /// failures is the driver's affair.
    case listen(attempt: UInt64, generation: UInt64)
    /// Close the listener.
    case stopListening
    /// Write this on the *data* connection, to expire in 5 s. That it cannot be written needs no report.
    case sendHeartbeat(Heartbeat)
    /// Everything that came from the shared cache goes, placeholders (`FillGuard`) too.
    case flush
    /// This key goes, its placeholder too. Always: that we wrote it ourselves proves nothing, since two
    /// writers' invalidations in one turn of the server are one message.
    case invalidate([UInt8])
    /// What was put in since the last `flush` is coherent until then; later without further notice it is not.
    /// The first one after `notLive` means: start filling.
    case live(until: Instant)
    /// What is in memory is not coherent any more, and nothing may be put in.
    case notLive(NotLiveReason)
    /// How long the last heartbeat took from write to invalidation, nanoseconds.
    case lag(UInt64)
}

/// Why the cache in memory is not coherent: log word and metric label.
public enum NotLiveReason: String, Sendable, CaseIterable {
    /// There is no shared cache.
    case off
    /// There is no master.
    case noMaster = "no_master"
    /// Another master.
    case generation
    /// The connection of the listener broke.
    case listenerLost = "listener_lost"
    /// A heartbeat did not come back in time.
    case silent
}

/// Times and choices of `Coherence`. All in nanoseconds.
public struct CoherenceSettings: Sendable {
    /// What becomes of entries in memory while they are not known to be coherent.
    public enum WhileNotLive: String, Sendable, CaseIterable {
        /// They go at once.
        case flush
        /// They stay, for when the upstream fails, until the cache is about to be live again.
        case keep
    }

    /// Names this instance among all: unique, no colon, at most 64 bytes.
    public var instance: [UInt8]
    /// What becomes of entries while not live.
    public var whileNotLive = WhileNotLive.keep
    /// Between two heartbeats.
    public var heartbeatNanoseconds: UInt64 = 250_000_000
    /// A heartbeat has to come back within this.
    public var silenceNanosecondsMax: UInt64 = 750_000_000
    /// A listener that is not set up, or stays silent, for this long is given up and made anew.
    public var patienceNanoseconds: UInt64 = 3_000_000_000

    /// Settings for this instance; everything else as documented.
    public init(instance: [UInt8]) { self.instance = instance }

    /// No entry in memory that is served as coherent is older than this, nanoseconds after the write
    /// that the server told of.
    public var stalenessNanosecondsMax: UInt64 { heartbeatNanoseconds + silenceNanosecondsMax }
}
