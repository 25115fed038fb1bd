/** What is known of a source before it is parsed. */

export type SourceLanguage = 'c' | 'cpp';

/** Larger files are generated, and one parse would hold up everything else in the process. */
export const MAX_SOURCE_CHARACTERS = 1024 * 1024;

const CPP_ENDINGS = /\.(cc|cpp|cxx|c\+\+|hh|hpp|hxx|inl)$/i;

/** By the file's ending; headers count as C unless their ending says C++. */
export const languageOf = (path: string): SourceLanguage => (CPP_ENDINGS.test(path) ? 'cpp' : 'c');

/** The header that records the calls of others makes them too, each in a macro of its name: points of nobody. */
export const isInstrumentation = (path: string): boolean => /(^|[\\/])eventscope_trace\w*\.h$/.test(path);
