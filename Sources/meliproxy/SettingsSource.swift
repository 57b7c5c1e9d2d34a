import Foundation
import Proxy
import ProxyCore

/// Where the settings come from: a file, the environment, the command line. Asked again at a reload.
struct SettingsSource {
    let file: String?
    let overrides: Overrides

    /// Everything read anew.
    func load() -> Result<Settings, SettingsProblems> {
        let environment = ProcessInfo.processInfo.environment
        guard let file else {
            return Settings.resolve(file: nil, environment: environment, overrides: overrides)
        }
        guard let data = FileManager.default.contents(atPath: file) else {
            return .failure(SettingsProblems(file: file, "cannot be read"))
        }
        guard let text = String(data: data, encoding: .utf8) else {
            return .failure(SettingsProblems(file: file, "is not UTF-8"))
        }
        return Settings.resolve(
            file: (yaml: text, name: file), environment: environment, overrides: overrides)
    }

    /// The admin token: from the settings, or the first line of the file they name.
    func token(of settings: Settings) -> Result<String?, SettingsProblems> {
        if let token = settings.admin.token { return .success(token) }
        guard let path = settings.admin.tokenFile else { return .success(nil) }
        guard let data = FileManager.default.contents(atPath: path),
            let line = String(data: data, encoding: .utf8)?
                .split(whereSeparator: \.isNewline).first,
            !line.isEmpty
        else {
            return .failure(SettingsProblems(file: path, "admin.token_file holds no token"))
        }
        return .success(String(line))
    }
}

/// Words to the user, and the process's exit code.
enum Exit {
    /// Prints a line on standard output.
    static func say(_ line: String) {
        FileHandle.standardOutput.write(Data((line + "\n").utf8))
    }

    /// Ends the process with one line on standard error.
    static func now(_ code: Int32, _ line: String) -> Never {
        FileHandle.standardError.write(Data("meliproxy: \(line)\n".utf8))
        exit(code)
    }

    /// Ends the process after help was asked for, or after a flag was wrong.
    static func end(_ text: String, isFailure: Bool) -> Never {
        let output = isFailure ? FileHandle.standardError : FileHandle.standardOutput
        output.write(Data((text + "\n").utf8))
        exit(isFailure ? 2 : 0)
    }

    /// The value; or the end, with every problem and exit code 2: nothing was started.
    static func unwrap<Value>(_ result: Result<Value, SettingsProblems>) -> Value {
        switch result {
        case .success(let value):
            return value
        case .failure(let problems):
            FileHandle.standardError.write(Data((problems.description + "\n").utf8))
            exit(2)
        }
    }
}

extension BuildVersion {
    /// What was built. The revision comes from the environment of the build's user, if at all.
    static var current: BuildVersion {
        #if swift(>=6.4)
            let swift = "6.4+"
        #elseif swift(>=6.3)
            let swift = "6.3"
        #else
            let swift = "6.2"
        #endif
        let revision = ProcessInfo.processInfo.environment["MELIPROXY_REVISION"] ?? "unknown"
        return BuildVersion(version: "0.1.0", revision: revision, swift: swift)
    }
}
