const WINDOWS = /^(?:\\\?\?\\)?[a-z]:\\windows\\/i;
/** A debugger is told of Wine's own modules by where they lie on the host. */
const WINE = /\\wine\\x86_64-(windows|unix)\\[^\\]*$/i;

/** Whether a module is one of the system's own, a driver too, by its Windows path as the loader or a debug event gives it. */
export const isOfSystem = (path: string): boolean =>
  WINDOWS.test(path) || path.startsWith('\\SystemRoot\\') || WINE.test(path);
