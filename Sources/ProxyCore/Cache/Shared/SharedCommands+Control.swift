extension SharedCommands {
    /// Longest prefix and host that are kept; longer ones are cut, or left out: that purges more.
    static let prefixBytesMax = 256

    /// Purges, and tells all who listen. The reply is a number: of the purge, or of the objects that went.
    public func purge(_ purge: SharedPurge, _ mode: PurgeMode) -> [[UInt8]] {
        let letter = Self.text(mode == .hard ? "h" : "s")
        switch purge {
        case .name(.prefix(let path, let host)):
            return purgePrefix(path, host, letter)
        case .name(let purge):
            return call(
                "bump_generation", [names.generation(Self.generation(of: purge))],
                [letter, SharedNames.notice(purge)])
        case .target(let hash, let bucket):
            return call(
                "bump_generation", [names.generation(.bucket(target: bucket))],
                [letter, SharedNames.notice(.target(hash))])
        case .keys(let keys, let notice):
            return call(
                mode == .hard ? "purge_keys" : "soften_keys", keys.map(names.object),
                [notice.map { SharedNames.notice(.target($0)) } ?? []])
        }
    }

    private func purgePrefix(_ path: [UInt8], _ host: [UInt8]?, _ letter: [UInt8]) -> [[UInt8]] {
        let path = Array(path.prefix(Self.prefixBytesMax))
        let host = host.flatMap { $0.count <= Self.prefixBytesMax ? $0 : nil }
        return call(
            "bump_prefix", [names.generation(.prefix)],
            [
                letter, SharedNames.notice(.prefix(path, host: host)),
                Self.decimal(host == nil ? 0 : 1), host ?? [], path,
            ])
    }

    private static func generation(of purge: Purge) -> GenerationName {
        switch purge {
        case .all: .all
        case .route(let hash): .route(hash)
        case .tag(let hash): .tag(hash)
        // The hash alone does not tell the bucket, unless it is the target's without host.
        case .target(let hash): .bucket(target: hash)
        case .prefix: .prefix
        }
    }

    /// Waits until so many replicas have what this connection wrote, but not longer. The reply is their number.
    public static func wait(replicas: Int, milliseconds: UInt64) -> [[UInt8]] {
        [text("WAIT"), decimal(replicas), decimal(milliseconds)]
    }

    /// Makes the connection of that id, which listens, hear of every change below the tracked prefixes.
    /// To be sent on that connection, before it subscribes.
    public func track(connection id: Int64) -> [[UInt8]] {
        var command = ["CLIENT", "TRACKING", "ON", "REDIRECT"].map(Self.text)
        command.append(Self.decimal(id))
        command.append(Self.text("BCAST"))
        for prefix in names.tracked { command += [Self.text("PREFIX"), prefix] }
        return command
    }

    /// Loads the functions. `FUNCTION LOAD` replaces what is there under the same name.
    public static var loadFunctions: [[UInt8]] {
        ["FUNCTION", "LOAD", "REPLACE", SharedLibrary.functions].map(text)
    }

    /// Loads the script. The reply is its hash, for `Form.script`.
    public static var loadScript: [[UInt8]] {
        ["SCRIPT", "LOAD", SharedLibrary.script].map(text)
    }
}
