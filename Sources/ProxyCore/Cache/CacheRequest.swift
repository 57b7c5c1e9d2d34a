public import HTTP1

/// What a request says about caching, read once.
public struct CacheRequest: Sendable, Equatable {
    /// What the cache does with the request.
    public enum Use: Sendable, Equatable {
        /// A stored response may answer it, and its answer may be stored.
        case lookup
        /// The route is not cached.
        case bypass
        /// The method is neither GET nor HEAD, or there is a body: it goes upstream.
        case method
    }

    /// How stale a response the client accepts (RFC 9111 §5.2.1.2).
    public enum MaxStale: Sendable, Equatable {
        /// It did not say: not at all.
        case none
        /// By no more than that many seconds.
        case seconds(UInt32)
        /// By any time.
        case any
    }

    struct Flags: OptionSet, Sendable, Equatable {
        let rawValue: UInt16
        static let noCache = Flags(rawValue: 1)
        static let noStore = Flags(rawValue: 1 << 1)
        static let onlyIfCached = Flags(rawValue: 1 << 2)
        static let isHead = Flags(rawValue: 1 << 3)
        static let hasAuthorization = Flags(rawValue: 1 << 4)
        static let hasRange = Flags(rawValue: 1 << 5)
        static let hasConditions = Flags(rawValue: 1 << 6)
        static let hasOtherPreconditions = Flags(rawValue: 1 << 7)
        static let isUnsafe = Flags(rawValue: 1 << 8)
    }

    /// A request that nothing is known of yet.
    public static let none = CacheRequest(use: .bypass, flags: [])

    /// What the cache does with it.
    public internal(set) var use: Use
    var flags: Flags
    /// The oldest age that the client accepts; 0 asks for validation in any case (§5.2.1.1).
    public internal(set) var maxAgeSeconds: UInt32?
    /// How long the response must stay fresh (§5.2.1.3).
    public internal(set) var minFreshSeconds: UInt32?
    /// How stale it may be.
    public internal(set) var maxStale = MaxStale.none
    /// How stale it may be if the upstream fails: the request's own stale-if-error (RFC 5861 §4),
    /// bounded by the route's.
    public internal(set) var staleIfErrorSeconds: UInt32 = 0

    /// A stored response must not be used without asking the upstream (§5.2.1.4).
    public var noCache: Bool { flags.contains(.noCache) }
    /// The answer must not be stored (§5.2.1.5). A stored one may still answer.
    public var noStore: Bool { flags.contains(.noStore) }
    /// The upstream must not be asked (§5.2.1.7): if `Reuse` gives nothing that is usable without it
    /// (`ReuseDecision.isUsable`), the answer is 504.
    public var onlyIfCached: Bool { flags.contains(.onlyIfCached) }
    /// HEAD: answered from a stored GET, never stored itself.
    public var isHead: Bool { flags.contains(.isHead) }
    /// There are credentials.
    public var hasAuthorization: Bool { flags.contains(.hasAuthorization) }
    /// Only a part is asked for; see `RangeRequest`.
    public var hasRange: Bool { flags.contains(.hasRange) }
    /// If-None-Match or If-Modified-Since: evaluated here, see `ClientConditions`.
    public var hasConditions: Bool { flags.contains(.hasConditions) }
    /// If-Match or If-Unmodified-Since. RFC 9111 §4.3.2: a cache must not evaluate conditions that
    /// only apply to an origin server. They are forwarded: `Reuse` asks for validation, and the
    /// conditions of the store go along with those of the client.
    public var hasOtherPreconditions: Bool { flags.contains(.hasOtherPreconditions) }
    /// The method is not known to be safe: a successful answer invalidates (§4.4).
    public var isUnsafe: Bool { flags.contains(.isUnsafe) }

    /// The fields that are looked at; one test tells that there are none of them.
    @inline(__always)
    private static var interesting: UInt64 {
        FieldName.cacheControl.mask | FieldName.pragma.mask | FieldName.range.mask
            | FieldName.ifNoneMatch.mask | FieldName.ifModifiedSince.mask | FieldName.ifMatch.mask
            | FieldName.ifUnmodifiedSince.mask | FieldName.authorization.mask
    }

    /// What reading depends on: few words, where the settings of a route are many arrays, each to be retained
    /// for every request.
    public struct Rules: Sendable {
        let isOn: Bool
        let honoursDirectives: Bool
        let staleIfErrorMaxSeconds: UInt32

        /// Those of a route.
        public init(_ settings: CacheSettings) {
            isOn = settings.isOn
            honoursDirectives = settings.requestDirectives == .honour
            staleIfErrorMaxSeconds = settings.staleIfErrorMaxSeconds
        }
    }

    /// Reads what `head` says, as far as `settings` let it.
    public static func read(_ head: RequestHead, _ settings: CacheSettings) -> CacheRequest {
        read(head, Rules(settings))
    }

    /// Reads what `head` says, as far as `rules` let it.
    public static func read(_ head: RequestHead, _ rules: Rules) -> CacheRequest {
        var request = CacheRequest(use: use(of: head, rules), flags: [])
        if head.method == .head { request.flags.insert(.isHead) }
        if !head.method.isSafe { request.flags.insert(.isUnsafe) }
        if head.seen & interesting != 0 { request.readFields(head, rules) }
        return request
    }

    private static func use(of head: RequestHead, _ rules: Rules) -> Use {
        guard rules.isOn else { return .bypass }
        guard head.method == .get || head.method == .head else { return .method }
        // RFC 9110 §9.3.1: content in a GET has no defined semantics. The key knows nothing of it.
        return head.body == .none || head.body == .length(0) ? .lookup : .method
    }

    private mutating func readFields(_ head: RequestHead, _ rules: Rules) {
        if head.contains(.authorization) { flags.insert(.hasAuthorization) }
        if head.contains(.range) { flags.insert(.hasRange) }
        if head.contains(.ifNoneMatch) || head.contains(.ifModifiedSince) {
            flags.insert(.hasConditions)
        }
        if head.contains(.ifMatch) || head.contains(.ifUnmodifiedSince) {
            flags.insert(.hasOtherPreconditions)
        }
        if head.contains(.cacheControl) {
            readControl(head, rules)
        } else if head.contains(.pragma), rules.honoursDirectives {
            // RFC 9111 §5.4: what a client of HTTP/1.0 means by no-cache.
            if head.lists("no-cache", in: .pragma) { flags.insert(.noCache) }
        }
    }

    private mutating func readControl(_ head: RequestHead, _ rules: Rules) {
        let bytes = head.bytes
        let fields = head.fields
        for index in fields.indices where fields[index].known == .cacheControl {
            var members = ListIterator(fields[index].value)
            while let member = members.next(in: bytes.span) {
                guard let directive = CacheDirective(bytes.span, member) else { continue }
                if directive.isNamed("no-store", in: bytes.span) { flags.insert(.noStore) }
                guard rules.honoursDirectives else { continue }
                note(directive, in: bytes.span, rules)
            }
        }
    }

    /// Of several values of a directive the strictest counts; one that is no number does not.
    private mutating func note(
        _ directive: CacheDirective, in bytes: Span<UInt8>, _ rules: Rules
    ) {
        if directive.isNamed("no-cache", in: bytes) {
            flags.insert(.noCache)
        } else if directive.isNamed("only-if-cached", in: bytes) {
            flags.insert(.onlyIfCached)
        } else if directive.isNamed("max-stale", in: bytes), directive.argument == .none {
            if maxStale == .none { maxStale = .any }
        } else if case .value(let seconds) = directive.seconds(in: bytes) {
            if directive.isNamed("max-age", in: bytes) {
                maxAgeSeconds = min(seconds, maxAgeSeconds ?? seconds)
            } else if directive.isNamed("min-fresh", in: bytes) {
                minFreshSeconds = max(seconds, minFreshSeconds ?? seconds)
            } else if directive.isNamed("max-stale", in: bytes) {
                if case .seconds(let known) = maxStale, known < seconds { return }
                maxStale = .seconds(seconds)
            } else if directive.isNamed("stale-if-error", in: bytes) {
                staleIfErrorSeconds = min(seconds, rules.staleIfErrorMaxSeconds)
            }
        }
    }
}
