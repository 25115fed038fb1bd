/** What the agent uses of koffi, which is installed on the target only (agent/runtime). */
declare module 'koffi' {
  interface Library {
    /** A function by its C prototype. Throws when the library does not export it. */
    func(definition: string): unknown;
  }
  const koffi: {
    readonly version: string;
    load(path: string): Library;
    /** Memory that does not move, until it is freed. */
    alloc(type: string, length: number): bigint;
    free(pointer: bigint): void;
    /** The memory at a pointer; nothing is copied and nothing keeps it alive. */
    view(pointer: bigint, length: number): ArrayBuffer;
  };
  export default koffi;
}
