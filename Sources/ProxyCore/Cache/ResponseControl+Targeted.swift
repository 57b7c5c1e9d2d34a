internal import HTTP1

extension ResponseControl {
    /// The directives of CDN-Cache-Control (RFC 9213 §2): a dictionary whose keys are directives. Nil
    /// if it is empty or invalid; then Cache-Control and Expires decide as if it were not there.
    ///
    /// A value of another type than the directive has makes the field invalid too: an origin that
    /// does not know what it says is not to be understood halfway.
    static func targeted(_ lines: FieldLines) -> ResponseControl? {
        guard let members = StructuredField.dictionary(lines.combined(.cdnCacheControl)),
            !members.isEmpty
        else { return nil }
        var control = ResponseControl(flags: .isTargeted)
        for (key, item) in members {
            guard control.note(key, item) else { return nil }
        }
        return control
    }

    private static let switches: [(name: StaticString, flag: Flags)] = [
        ("no-store", .noStore), ("no-cache", .noCache), ("private", .isPrivate),
        ("public", .isPublic), ("must-revalidate", .mustRevalidate),
        ("proxy-revalidate", .proxyRevalidate), ("must-understand", .mustUnderstand),
        ("immutable", .immutable),
    ]

    /// Takes in one member; whether its value can be understood.
    private mutating func note(_ key: [UInt8], _ item: StructuredField.Item) -> Bool {
        let name = ByteRange(0, key.count)
        for (text, flag) in Self.switches where key.span.equals(name, text) {
            // `?0` says that it does not hold; field names as a value restrict as a whole.
            if item != .boolean(false) { flags.insert(flag) }
            return true
        }
        if key.span.equals(name, "max-age") { return Self.set(&maxAge, item) }
        if key.span.equals(name, "s-maxage") { return Self.set(&sharedMaxAge, item) }
        if key.span.equals(name, "stale-if-error") { return Self.set(&staleIfError, item) }
        if key.span.equals(name, "stale-while-revalidate") {
            return Self.set(&staleWhileRevalidate, item)
        }
        return true
    }

    private static func set(_ delta: inout DeltaSeconds, _ item: StructuredField.Item) -> Bool {
        guard case .integer(let value) = item else { return false }
        delta = value < 0 ? .invalid : .value(UInt32(min(value, Int64(DeltaSeconds.max))))
        return true
    }
}
