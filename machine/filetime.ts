/** 1970-01-01 as a FILETIME: units of 100 ns since 1601 (Windows SDK, minwinbase.h: FILETIME). */
export const FILETIME_OF_1970 = 116_444_736_000_000_000n;
