internal import HTTP1

extension ResponseControl {
    /// The directives of CDN-Cache-Control (RFC 9213 §2): a dictionary whose keys are directives. Nil
    /// if it is empty or invalid; then Cache-Control and Expires decide as if it were not there.
    static func targeted(_ lines: FieldLines) -> ResponseControl? {
        guard let members = StructuredField.dictionary(lines.combined(.cdnCacheControl)),
            !members.isEmpty
        else { return nil }
        var control = ResponseControl(flags: .isTargeted)
        for (key, item) in members { control.note(key, item) }
        return control
    }

    private static let switches: [(name: StaticString, flag: Flags)] = [
        ("no-store", .noStore), ("no-cache", .noCache), ("private", .isPrivate),
        ("public", .isPublic), ("must-revalidate", .mustRevalidate),
        ("proxy-revalidate", .proxyRevalidate), ("must-understand", .mustUnderstand),
        ("immutable", .immutable),
    ]

    /// Takes in one member. A value of another type than the directive has is not consumed (§2.1).
    private mutating func note(_ key: [UInt8], _ item: StructuredField.Item) {
        let name = ByteRange(0, key.count)
        for (text, flag) in Self.switches where key.span.equals(name, text) {
            // `?0` says that it does not hold; field names as a value restrict as a whole.
            if item != .boolean(false) { flags.insert(flag) }
            return
        }
        if key.span.equals(name, "max-age") {
            maxAge = Self.seconds(item)
        } else if key.span.equals(name, "s-maxage") {
            sharedMaxAge = Self.seconds(item)
        } else if key.span.equals(name, "stale-if-error") {
            staleIfError = Self.seconds(item)
        } else if key.span.equals(name, "stale-while-revalidate") {
            staleWhileRevalidate = Self.seconds(item)
        }
    }

    /// An integer as seconds; anything else says that the origin meant to say something about freshness,
    /// and not what.
    private static func seconds(_ item: StructuredField.Item) -> DeltaSeconds {
        guard case .integer(let value) = item, value >= 0 else { return .invalid }
        return .value(UInt32(min(value, Int64(DeltaSeconds.max))))
    }
}
