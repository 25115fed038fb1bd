/** Trees of C and C++ sources, by tree-sitter. One parser serves all: a parse is synchronous and bounded. */
import { Language, Parser, type Tree } from 'web-tree-sitter';

/** Where the three WebAssembly files lie: the runtime's and one per grammar. */
export interface SyntaxFiles {
  readonly runtime: string;
  readonly c: string;
  readonly cpp: string;
}

export type SourceLanguage = 'c' | 'cpp';

/** Larger files are generated, and one parse would hold up everything else in the process. */
export const MAX_SOURCE_CHARACTERS = 1024 * 1024;
const MAX_PARSE_MS = 500;

const CPP_ENDINGS = /\.(cc|cpp|cxx|c\+\+|hh|hpp|hxx|inl)$/i;

/** By the file's ending; headers count as C unless their ending says C++. */
export const languageOf = (path: string): SourceLanguage => (CPP_ENDINGS.test(path) ? 'cpp' : 'c');

export class CSyntax {
  readonly #parser: Parser;
  readonly #languages: Readonly<Record<SourceLanguage, Language>>;

  private constructor(parser: Parser, languages: Readonly<Record<SourceLanguage, Language>>) {
    this.#parser = parser;
    this.#languages = languages;
  }

  /** Takes some 30 ms: load it when the first source is asked for. Rejects when a file is not there. */
  static async load(files: SyntaxFiles): Promise<CSyntax> {
    await Parser.init({ locateFile: () => files.runtime });
    const [c, cpp] = await Promise.all([Language.load(files.c), Language.load(files.cpp)]);
    return new CSyntax(new Parser(), { c, cpp });
  }

  /**
   * @param old tree of the text before, with its edits told by tree.edit(): only what changed is parsed
   * @returns undefined for a text that is too large, or takes longer than half a second. The caller deletes the tree.
   */
  parse(text: string, language: SourceLanguage, old?: Tree): Tree | undefined {
    if (text.length > MAX_SOURCE_CHARACTERS) return undefined;
    const until = performance.now() + MAX_PARSE_MS;
    this.#parser.setLanguage(this.#languages[language]);
    const tree = this.#parser.parse(text, old, { progressCallback: () => performance.now() > until });
    if (tree === null) this.#parser.reset();
    return tree ?? undefined;
  }

  dispose(): void {
    this.#parser.delete();
  }
}
