internal import HTTP1

/// What a response says about caching: the directives of the one field that counts.
struct ResponseControl: Equatable {
    struct Flags: OptionSet, Equatable {
        let rawValue: UInt16
        static let noStore = Flags(rawValue: 1)
        static let noCache = Flags(rawValue: 1 << 1)
        static let isPrivate = Flags(rawValue: 1 << 2)
        static let isPublic = Flags(rawValue: 1 << 3)
        static let mustRevalidate = Flags(rawValue: 1 << 4)
        static let proxyRevalidate = Flags(rawValue: 1 << 5)
        static let mustUnderstand = Flags(rawValue: 1 << 6)
        static let immutable = Flags(rawValue: 1 << 7)
        /// The directives come from a targeted field: Expires does not count (RFC 9213 §2.2).
        static let isTargeted = Flags(rawValue: 1 << 8)
    }

    var flags: Flags = []
    var maxAge = DeltaSeconds.absent
    var sharedMaxAge = DeltaSeconds.absent
    var staleWhileRevalidate = DeltaSeconds.absent
    var staleIfError = DeltaSeconds.absent
    /// Fields, in lower case, that are reused only after validation: those that `no-cache` lists.
    var noCacheFields: [[UInt8]] = []

    /// The directives of CDN-Cache-Control if it is valid and not empty, else of Cache-Control.
    static func read(_ lines: FieldLines) -> ResponseControl {
        if lines.contains(.cdnCacheControl), let control = targeted(lines) { return control }
        var control = ResponseControl()
        for value in lines.values(of: .cacheControl) {
            var members = ListIterator(value)
            while let member = members.next(in: lines.bytes.span) {
                guard let directive = CacheDirective(lines.bytes.span, member) else { continue }
                control.note(directive, in: lines.bytes.span)
            }
        }
        return control
    }

    private mutating func note(_ directive: CacheDirective, in bytes: Span<UInt8>) {
        // What the quoted string may have swallowed could be any of them.
        if directive.argument == .unterminated { flags.insert(.noStore) }
        let isWellFormed = directive.argument != .malformed
        func named(_ text: StaticString) -> Bool { directive.isNamed(text, in: bytes) }
        if named("no-store") {
            flags.insert(.noStore)
        } else if named("private") {
            // §5.2.2.7: without the fields that it lists the rest might be stored; that is not done.
            flags.insert(.isPrivate)
        } else if named("no-cache") {
            noteNoCache(directive, in: bytes)
        } else if named("must-revalidate") {
            flags.insert(.mustRevalidate)
        } else if named("proxy-revalidate") {
            flags.insert(.proxyRevalidate)
        } else if named("public") {
            if isWellFormed { flags.insert(.isPublic) }
        } else if named("must-understand") {
            if isWellFormed { flags.insert(.mustUnderstand) }
        } else if named("immutable") {
            if isWellFormed { flags.insert(.immutable) }
        } else if named("max-age") {
            maxAge.merge(directive.seconds(in: bytes))
        } else if named("s-maxage") {
            sharedMaxAge.merge(directive.seconds(in: bytes))
        } else if named("stale-while-revalidate") {
            staleWhileRevalidate.merge(directive.seconds(in: bytes))
        } else if named("stale-if-error") {
            staleIfError.merge(directive.seconds(in: bytes))
        }
    }

    /// §5.2.2.4: the qualified form lets the response be reused without the fields it lists. A list
    /// that is not understood counts as the unqualified form.
    private mutating func noteNoCache(_ directive: CacheDirective, in bytes: Span<UInt8>) {
        guard let names = Self.fieldNames(directive.argument, in: bytes) else {
            flags.insert(.noCache)
            return
        }
        noCacheFields += names
    }

    private static func fieldNames(
        _ argument: CacheDirective.Argument, in bytes: Span<UInt8>
    ) -> [[UInt8]]? {
        let list: ByteRange
        switch argument {
        case .token(let range), .quoted(let range): list = range
        case .none, .malformed, .unterminated: return nil
        }
        var names: [[UInt8]] = []
        var members = ListIterator(list)
        while let member = members.next(in: bytes) {
            var name: [UInt8] = []
            for index in member.indices {
                guard bytes[index].isTokenByte else { return nil }
                name.append(bytes[index].lowercased)
            }
            names.append(name)
        }
        return names.isEmpty ? nil : names
    }
}

extension ResponseControl {
    /// RFC 9111 §5.2.2.3: must-understand takes the place of no-store for statuses understood here.
    func forbidsStoring(_ status: UInt16) -> Bool {
        flags.contains(.noStore)
            && !(flags.contains(.mustUnderstand) && CacheableStatus.isUnderstood(status))
    }

    /// RFC 9111 §3.5: whether the answer to a request with credentials may answer others.
    var allowsAuthorization: Bool {
        flags.contains(.mustRevalidate) || isExplicitlyShared
    }

    /// Whether the response says that it may be shared although it carries a Set-Cookie: `public`, or an
    /// s-maxage that makes sense.
    var isExplicitlyShared: Bool {
        if case .value = sharedMaxAge { return true }
        return flags.contains(.isPublic)
    }

    /// RFC 9111 §4.2.4: whether a stale response may not be used without validation, whatever else is
    /// said. s-maxage implies proxy-revalidate (§5.2.2.10).
    var forbidsStale: Bool {
        !flags.isDisjoint(with: [.noCache, .mustRevalidate, .proxyRevalidate])
            || sharedMaxAge != .absent
    }
}
