/** The recorder that dist/tracepoints.dll holds: the bundler puts its bytes in. */
declare module '*/dist/tracepoints.dll' {
  const image: Uint8Array;
  export default image;
}
