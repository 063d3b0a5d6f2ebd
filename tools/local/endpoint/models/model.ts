/** Inputs of operations by AWS's API models; `npm run api-models` writes the JSON files in this folder. */

export interface ApiModel {
  /** Origin of the model. */
  readonly source: string;
  readonly apiVersion: string;
  readonly operations: Readonly<Record<string, ModelOperation>>;
  readonly shapes: Readonly<Record<string, ModelShape>>;
}

export interface ModelOperation {
  /** Name of a structure. @default the operation takes nothing */
  readonly input?: string;
  readonly http: { readonly method: string; readonly requestUri: string; readonly responseCode?: number };
}

export interface ModelShape {
  readonly type: string;
  readonly required?: readonly string[];
  /** Members of a structure. */
  readonly members?: Readonly<Record<string, ModelMember>>;
  /** The member that is the body of the HTTP request. */
  readonly payload?: string;
  /** Member of a list. */
  readonly member?: ModelMember;
  /** Key of a map. */
  readonly key?: ModelMember;
  readonly value?: ModelMember;
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: string;
  readonly enum?: readonly string[];
}

export interface ModelMember {
  /** Name of the shape. */
  readonly shape: string;
  /** The part of the HTTP request that has it. @default the body */
  readonly location?: string;
  readonly locationName?: string;
}
