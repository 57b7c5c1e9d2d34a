/// What an upstream's circuit breaker does with calls.
public enum BreakerState: String, Vocabulary {
    /// All pass.
    case closed
    /// None pass.
    case open
    /// A few pass, to find out.
    case halfOpen = "half_open"
    /// More pass every moment, until all do.
    case ramp

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .closed: 0
        case .open: 1
        case .halfOpen: 2
        case .ramp: 3
        }
    }

    /// The raw value as a literal.
    public var word: StaticString {
        switch self {
        case .closed: "closed"
        case .open: "open"
        case .halfOpen: "half_open"
        case .ramp: "ramp"
        }
    }
}

/// Why a request was not sent to its upstream.
public enum ShedReason: String, Vocabulary {
    /// The upstream fails, and is left alone for a while.
    case breakerOpen = "breaker_open"
    /// The upstream asked for a pause.
    case gateClosed = "gate_closed"
    /// There are as many requests under way and waiting as the upstream can take.
    case overloaded
    /// The upstream's quota is used up.
    case paced

    /// The position of this case in `allCases`.
    @inlinable
    public var index: Int {
        switch self {
        case .breakerOpen: 0
        case .gateClosed: 1
        case .overloaded: 2
        case .paced: 3
        }
    }

    /// The raw value as a literal.
    public var word: StaticString {
        switch self {
        case .breakerOpen: "breaker_open"
        case .gateClosed: "gate_closed"
        case .overloaded: "overloaded"
        case .paced: "paced"
        }
    }
}
