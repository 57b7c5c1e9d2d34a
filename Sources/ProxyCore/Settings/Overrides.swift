/// What the command line says; flags win over the file. Texts are as the user typed them, and are
/// validated together with the file.
public struct Overrides: Sendable, Equatable {
    /// `--upstream`: an http or https URL.
    public var upstream: String?
    /// `--upstream-ca`: a PEM file.
    public var upstreamCA: String?
    /// `--listen`: HOST:PORT.
    public var listen: String?
    /// `--admin`: HOST:PORT.
    public var admin: String?
    /// `--workers`: a number.
    public var workers: Int?
    /// `--access-log`: FILE, `-` or `off`.
    public var accessLog: String?
    /// `--log-format`: `json` or `text`.
    public var logFormat: String?
    /// `--log-level`: a `LogLevel`.
    public var logLevel: String?
    /// `--cache-memory`: a size or `off`.
    public var cacheMemory: String?

    /// Nothing overridden.
    public init() {}
}
