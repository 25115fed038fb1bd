/** What `eventscope` returns to its caller. Scripts rely on these numbers: they are listed in the README. */
export enum ExitCode {
  Done = 0,
  /** Something failed; the message says what and what to do next. */
  Failed = 1,
  /** The command line itself was wrong. */
  Usage = 2,
  /** All went well on our side, and the application returned something else than 0. */
  ApplicationFailed = 3,
  /** The compiler or linker found errors. */
  BuildFailed = 4,
  /** Somebody else holds the target or the workspace. */
  Held = 5,
  /** A defect of Eventscope. */
  Defect = 70,
  /** Ended by Ctrl-C, as shells number it. */
  Cancelled = 130,
}
