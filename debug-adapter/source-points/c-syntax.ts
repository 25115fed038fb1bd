/** Trees of C and C++ sources, by tree-sitter. One parser serves all: a parse is synchronous and bounded. */
import { Language, Parser, type Tree } from 'web-tree-sitter';
import { MAX_SOURCE_CHARACTERS, type SourceLanguage } from './source-file.js';

/** Where the three WebAssembly files lie: the runtime's and one per grammar. */
export interface SyntaxFiles {
  readonly runtime: string;
  readonly c: string;
  readonly cpp: string;
}

const MAX_PARSE_MS = 500;

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
