interface Parsing {
  readonly context: {
    readonly attrNames?: Readonly<Record<string, string>> | undefined;
    readonly attrVals?: Readonly<Record<string, object>> | undefined;
    readonly unusedAttrNames: Record<string, true>;
    readonly unusedAttrVals: Record<string, true>;
    readonly isReserved: (name: string) => boolean;
    readonly compare: (operator: string, one: object, other: object) => boolean;
  };
}
type Parse = (text: string, options: Parsing) => unknown;

export function rememberExpressions(dynalite: string): void;
export function remembering(parse: Parse): Parse;
