internal import Yams

extension SettingsReader {
    private static let ages: ClosedRange<UInt64> = 0...(365 * 24 * 3600 * second)

    /// `cache`: the memory tier and the shared one.
    mutating func readCacheTiers(_ value: Value, hasRedis: Bool, into settings: inout Settings) {
        guard let section = section(value) else { return }
        readMemory(section, into: &settings.memory)
        if let redis = section["redis"] { readSharedCache(redis, into: &settings.shared) }
        checkSharedCache(section, hasRedis: hasRedis, settings)
    }

    /// The memory tier; nil if it is off.
    private mutating func readMemory(_ section: Section, into memory: inout CacheMemorySettings?) {
        var settings = memory ?? CacheMemorySettings()
        var size = CacheMemory.bytes(UInt64(settings.bytesMax))
        read("memory", of: section, into: &size, CacheMemory.parse)
        read(
            "followers_max", of: section, into: &settings.followersMax, Parse.number(0...1_000_000))
        read("fill_bytes_max", of: section, into: &settings.fillsMax) {
            (text) throws(TextProblem) in try Parse.bytes((64 << 10)...(1 << 40))(text)
        }
        switch size {
        case .off:
            memory = nil
        case .bytes(let bytes):
            settings.bytesMax = Int(clamping: bytes)
            memory = settings
        }
    }

    /// `routes[].cache`: `on`, `off` or a map.
    mutating func readCache(_ value: Value, into cache: inout CacheSettings) {
        if case .scalar(_) = value.node, !Self.isNull(value.node) {
            if let isOn = parse(value, Self.onOrOff) { cache.isOn = isOn }
            return
        }
        guard let section = section(value) else { return }
        read("enabled", of: section, into: &cache.isOn, Parse.boolean)
        read("request_directives", of: section, into: &cache.requestDirectives, Parse.word)
        read("set_cookie", of: section, into: &cache.setCookie, Parse.word)
        read("heuristic_with_query", of: section, into: &cache.heuristicForQuery, Parse.boolean)
        read(
            "body_bytes_max", of: section, into: &cache.bodyBytesMax, Parse.bytes(0...(1 << 32)))
        readLifetimes(section, into: &cache)
        readStaleness(section, into: &cache)
        if let names = section["vary_ignore"] { cache.varyIgnore = fieldNames(names) }
        if let names = section["drop_fields"] { cache.dropFields = fieldNames(names) }
        if let key = section["key"] { readKey(key, into: &cache.key) }
    }

    private mutating func readLifetimes(_ section: Section, into cache: inout CacheSettings) {
        if let ttl = section["ttl"], let statuses = self.section(ttl) {
            for (status, value) in statuses.entries {
                guard let code = UInt16(status), (200...599).contains(code) else {
                    report(value, TextProblem(expected: "a status from 200 to 599", found: status))
                    continue
                }
                if let seconds = parse(value, Self.seconds) {
                    cache.statusTTLSeconds[code] = seconds
                }
            }
        }
        read("negative_ttl", of: section, into: &cache.negativeTTLSeconds, Self.seconds)
        read("error_ttl", of: section, into: &cache.errorTTLSeconds) { (text) throws(TextProblem) in
            UInt32(try Parse.duration(0...second)(text) / second)
        }
        read("ttl_min", of: section, into: &cache.ttlMinSeconds, Self.seconds)
        read("ttl_max", of: section, into: &cache.ttlMaxSeconds) { (text) throws(TextProblem) in
            text == "off" ? nil : try Self.seconds(text)
        }
        read("ttl_jitter", of: section, into: &cache.jitterPercent, Parse.number(0...50))
        read("refresh_ahead", of: section, into: &cache.refreshAheadSeconds) {
            (text) throws(TextProblem) in text == "off" ? 0 : try Self.seconds(text)
        }
        if let most = cache.ttlMaxSeconds, most < cache.ttlMinSeconds,
            let value = section["ttl_min"]
        {
            report(value, TextProblem("expected ttl_min to be at most ttl_max"))
        }
    }

    private mutating func readStaleness(_ section: Section, into cache: inout CacheSettings) {
        let optional = { (text: String) throws(TextProblem) -> UInt32? in
            text == "response" ? nil : try Self.seconds(text)
        }
        read(
            "stale_while_revalidate", of: section, into: &cache.staleWhileRevalidateSeconds,
            optional)
        read("stale_if_error", of: section, into: &cache.staleIfErrorSeconds, optional)
        read(
            "stale_while_revalidate_max", of: section, into: &cache.staleWhileRevalidateMaxSeconds,
            Self.seconds)
        read("stale_if_error_max", of: section, into: &cache.staleIfErrorMaxSeconds, Self.seconds)
    }

    private mutating func readKey(_ value: Value, into key: inout KeyRules) {
        guard let section = section(value) else { return }
        read("sort_query", of: section, into: &key.sortQuery, Parse.boolean)
        if let names = section["ignore_query"] { key.ignoreQuery = parameterNames(names) }
        if let names = section["only_query"] { key.onlyQuery = parameterNames(names) }
        if let names = section["bypass_query"] { key.bypassQuery = parameterNames(names) }
        if let names = section["fields"] { key.fields = fieldNames(names) }
        if let names = section["cookies"] {
            key.cookies = list(names, countMax: 64).compactMap { element in
                parse(element, Parse.token).map { Array($0.utf8) }
            }
        }
    }

    /// Names of fields, in lower case.
    private mutating func fieldNames(_ value: Value) -> [[UInt8]] {
        list(value, countMax: 64).compactMap { element in
            parse(element, Parse.token).map { Array($0.lowercased().utf8) }
        }
    }

    private mutating func parameterNames(_ value: Value) -> [[UInt8]] {
        list(value, countMax: 256).compactMap { element in
            parse(element, Parse.line).map { Array($0.utf8) }
        }
    }

    static func onOrOff(_ text: String) throws(TextProblem) -> Bool {
        switch text {
        case "on", "true": true
        case "off", "false": false
        default: throw TextProblem(expected: "on, off or a map", found: text)
        }
    }

    /// Whole seconds, at least one of anything above zero.
    private static func seconds(_ text: String) throws(TextProblem) -> UInt32 {
        let nanoseconds = try Parse.duration(ages)(text)
        return UInt32(clamping: nanoseconds / second + (nanoseconds % second == 0 ? 0 : 1))
    }
}

extension CacheMemory {
    /// A size, or `off`.
    static func parse(_ text: String) throws(TextProblem) -> CacheMemory {
        text == "off" ? .off : .bytes(try Parse.size((1 << 20)...(1 << 44))(text))
    }
}
