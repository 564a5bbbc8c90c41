//! `client.holds().create(…)`: nouns and verbs as methods that call progenitor's client. What they take and answer is
//! read from its signatures, so that both always fit.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::Value;
use syn::{
    Fields, File, FnArg, GenericArgument, Ident, ImplItem, Item, Pat, PathArguments, ReturnType, Signature,
    Type,
};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
/// What `Pages` says itself.
const PAGING: [&str; 2] = ["cursor", "limit"];

/// What the contract says of an operation, beside the signature of its function.
struct Operation<'a> {
    id: &'a str,
    ids: Vec<&'a str>,
    text: String,
    answer: Answer,
    signature: &'a Signature,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Value,
    Page,
    Bytes,
    Text,
    /// It has no end: `stream.rs`.
    Events,
}

/// An argument of progenitor's function.
struct Argument<'a> {
    name: &'a Ident,
    of: &'a Type,
}

pub fn write(view: &Value, core: &File) -> Result<File> {
    let operations = operations(view, core)?;
    let mut nouns: BTreeMap<&str, Vec<&Operation<'_>>> = BTreeMap::new();
    for operation in operations.iter().filter(|operation| operation.answer != Answer::Events) {
        nouns.entry(operation.noun_and_verb()?.0).or_default().push(operation);
    }
    let mut accessors = Vec::new();
    let mut structs = Vec::new();
    let mut queries = Vec::new();
    for (noun, operations) in nouns {
        let (name, accessor) = (format_ident!("{}", pascal(noun)), format_ident!("{noun}"));
        let about = format!(" The operations of `{noun}`.");
        let methods = operations.iter().map(|operation| operation.method()).collect::<Result<Vec<_>>>()?;
        for operation in operations {
            queries.extend(operation.query());
        }
        accessors.push(quote! {
            #[doc = #about]
            pub fn #accessor(&self) -> #name<'_> { #name { client: self } }
        });
        structs.push(quote! {
            #[doc = #about]
            #[derive(Debug, Clone, Copy)]
            pub struct #name<'c> { pub(crate) client: &'c Client }
            impl #name<'_> { #(#methods)* }
        });
    }
    let query_doc = " The parameters of queries, by operation.";
    Ok(syn::parse2(quote! {
        use bytes::Bytes;

        use crate::call::{self, Call};
        use crate::generated::core::types;
        use crate::pages::{Page, Pages};
        use crate::Client;

        impl Client { #(#accessors)* }
        #(#structs)*
        #[doc = #query_doc]
        pub mod query {
            use crate::generated::core::types;
            #(#queries)*
        }
    })?)
}

/// `new` with the fields that a request must have, for every body that must have some; the others are `Default`.
pub fn constructors(view: &Value, core: &File) -> Result<Vec<Item>> {
    let mut wanted = BTreeMap::new();
    for operation in operations_of(view) {
        references(&operation["requestBody"], view, &mut wanted);
    }
    let structs = core_types(core)?.iter().filter_map(|item| match item {
        Item::Struct(item) => Some((item, *wanted.get(&item.ident.to_string())?)),
        _ => None,
    });
    structs.filter_map(|(item, schema)| constructor(&item.ident, &item.fields, schema).transpose()).collect()
}

fn constructor(name: &Ident, fields: &Fields, schema: &Value) -> Result<Option<Item>> {
    let mut arguments = BTreeMap::new();
    let mut values = Vec::new();
    for field in fields {
        let (Some(field_name), of) = (&field.ident, &field.ty) else { continue };
        let Some(place) = place(schema, &plain(field_name)) else {
            values.push(quote!(#field_name: ::std::default::Default::default()));
            continue;
        };
        let is_text = last_segment(of).is_some_and(|of| of == "String");
        let (argument, value) = if is_text {
            (
                quote!(impl ::std::convert::Into<::std::string::String>),
                quote!(#field_name: #field_name.into()),
            )
        } else {
            (quote!(#of), quote!(#field_name))
        };
        arguments.insert(place, quote!(#field_name: #argument));
        values.push(value);
    }
    if arguments.is_empty() {
        return Ok(None);
    }
    let doc = " With what it must have; the rest is absent.";
    let arguments = arguments.values();
    Ok(Some(syn::parse2(quote! {
        impl #name {
            #[doc = #doc]
            pub fn new(#(#arguments),*) -> Self { Self { #(#values),* } }
        }
    })?))
}

/// Arguments come in the order in which the contract says what is required.
fn place(schema: &Value, field: &str) -> Option<usize> {
    schema["required"].as_array()?.iter().position(|name| name == field)
}

impl Operation<'_> {
    fn noun_and_verb(&self) -> Result<(&str, &str)> {
        self.id.split_once('.').with_context(|| format!("{}: the id of an operation is `noun.verb`", self.id))
    }

    fn arguments(&self) -> impl Iterator<Item = Argument<'_>> {
        self.signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(typed) => match &*typed.pat {
                Pat::Ident(name) => Some(Argument { name: &name.ident, of: &typed.ty }),
                _ => None,
            },
            FnArg::Receiver(_) => None,
        })
    }

    /// Parameters of the query that may be absent, but for those of paging.
    fn query_arguments(&self) -> Vec<Argument<'_>> {
        let paging: &[&str] = if self.answer == Answer::Page { &PAGING } else { &[] };
        let is_query = |name: &str| name != "body" && !self.ids.contains(&name) && !paging.contains(&name);
        let is_optional =
            |argument: &Argument<'_>| last_segment(argument.of).is_some_and(|of| of == "Option");
        self.arguments().filter(|argument| is_optional(argument) && is_query(&plain(argument.name))).collect()
    }

    fn query_name(&self) -> Option<Ident> {
        (!self.query_arguments().is_empty()).then(|| format_ident!("{}", pascal(&self.id.replace('.', "_"))))
    }

    fn query(&self) -> Option<TokenStream> {
        let name = self.query_name()?;
        let doc = format!(" The query of `{}`.", self.id);
        let fields = self.query_arguments().into_iter().map(|argument| {
            let (name, of) = (argument.name, argument.owned());
            quote!(pub #name: #of)
        });
        Some(quote! {
            #[doc = #doc]
            #[derive(Debug, Clone, Default)]
            pub struct #name { #(#fields),* }
        })
    }

    fn method(&self) -> Result<TokenStream> {
        let (_, verb) = self.noun_and_verb()?;
        let (doc, id, function) = (&self.text, self.id, &self.signature.ident);
        let verb: Ident = syn::parse_str(verb).unwrap_or_else(|_| format_ident!("r#{verb}"));
        let query_name = self.query_name();
        let query_type = query_name.as_ref().map(|name| quote!(, query::#name));
        let query = match &query_name {
            Some(name) => quote!(query: query::#name),
            None => quote!(()),
        };
        let (mut parameters, mut before) = (Vec::new(), None);
        let mut passed = Vec::new();
        for argument in self.arguments() {
            let (name, of) = (argument.name, argument.of);
            match plain(name).as_str() {
                "body" if last_segment(of).is_some_and(|of| of == "B") => {
                    parameters.push(quote!(body: impl Into<Bytes>));
                    before = Some(quote!(let body: Bytes = body.into();));
                    passed.push(quote!(body));
                }
                "cursor" if self.answer == Answer::Page => passed.push(quote!(at.cursor.as_deref())),
                "limit" if self.answer == Answer::Page => passed.push(quote!(at.limit)),
                _ if last_segment(of).is_some_and(|of| of == "Option") => passed.push(argument.borrowed()),
                _ => {
                    parameters.push(quote!(#name: #of));
                    passed.push(quote!(#name));
                }
            }
        }
        let ids = self.ids.iter().map(|name| {
            let ident = format_ident!("{name}");
            quote!((#name, #ident))
        });
        let answer = self.answer()?;
        let call = quote!(core.#function(#(#passed),*).await);
        let (kind, body) = match self.answer {
            Answer::Page => {
                let at = if call.to_string().contains("at .") { quote!(at) } else { quote!(_) };
                (
                    quote!(Pages),
                    quote! { move |core, #query, #at| Box::pin(async move {
                        call::value(#call).map(|page| Page { data: page.data, next_cursor: page.next_cursor })
                    }) },
                )
            }
            Answer::Bytes => {
                (quote!(Call), quote!(move |core, #query| Box::pin(async move { call::bytes(#call).await })))
            }
            Answer::Text => {
                (quote!(Call), quote!(move |core, #query| Box::pin(async move { call::text(#call).await })))
            }
            _ => (quote!(Call), quote!(move |core, #query| Box::pin(async move { call::value(#call) }))),
        };
        Ok(quote! {
            #[doc = #doc]
            pub fn #verb<'a>(&self, #(#parameters),*) -> #kind<'a, #answer #query_type> {
                #before
                #kind::new(self.client, #id, vec![#(#ids),*], #body)
            }
        })
    }

    /// The type of the answer, or of the objects in a list.
    fn answer(&self) -> Result<TokenStream> {
        let ReturnType::Type(_, result) = &self.signature.output else {
            bail!("{} answers nothing", self.id)
        };
        let inner = argument_of(result)
            .and_then(argument_of)
            .with_context(|| format!("{}: what is its answer?", self.id))?;
        Ok(match self.answer {
            Answer::Bytes => quote!(Bytes),
            Answer::Text => quote!(String),
            Answer::Page => {
                let name = last_segment(inner).context("a page has a name")?.to_string();
                let item = format_ident!("{}", name.strip_prefix("Page").context("pages are named Page_…")?);
                quote!(types::#item)
            }
            _ => quote!(#inner),
        })
    }
}

impl Argument<'_> {
    /// `Option<&str>` is kept as `Option<String>`.
    fn owned(&self) -> TokenStream {
        let of = self.of;
        if self.is_text() { quote!(Option<String>) } else { quote!(#of) }
    }

    fn borrowed(&self) -> TokenStream {
        let name = self.name;
        if self.is_text() { quote!(query.#name.as_deref()) } else { quote!(query.#name) }
    }

    fn is_text(&self) -> bool {
        matches!(argument_of(self.of), Some(Type::Reference(_)))
    }
}

fn operations<'a>(view: &'a Value, core: &'a File) -> Result<Vec<Operation<'a>>> {
    let signatures: BTreeMap<String, &Signature> = core
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Impl(block) if block.trait_.is_none() => Some(&block.items),
            _ => None,
        })
        .flatten()
        .filter_map(|item| match item {
            ImplItem::Fn(function) => Some((function.sig.ident.to_string(), &function.sig)),
            _ => None,
        })
        .collect();
    let mut all = Vec::new();
    for (path, item) in view["paths"].as_object().into_iter().flatten() {
        for operation in METHODS.iter().filter_map(|method| item.get(method)) {
            let id = operation["operationId"].as_str().context("an operation without an id")?;
            let signature =
                signatures.get(&id.replace('.', "_")).with_context(|| format!("{id} is missing"))?;
            let ids = path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
            let (text, answer) = (documentation(operation), answer(operation, view));
            all.push(Operation { id, ids, text, answer, signature });
        }
    }
    all.sort_by_key(|operation| operation.id);
    Ok(all)
}

fn operations_of(view: &Value) -> impl Iterator<Item = &Value> {
    let items = view["paths"].as_object().into_iter().flatten();
    items.flat_map(|(_, item)| METHODS.iter().filter_map(|method| item.get(method)))
}

fn answer(operation: &Value, view: &Value) -> Answer {
    let success =
        operation["responses"].as_object().into_iter().flatten().find(|(status, _)| status.starts_with('2'));
    let content = success.and_then(|(_, response)| response["content"].as_object()?.iter().next());
    match content.map(|(media, content)| (media.as_str(), content)) {
        None => Answer::Value,
        Some(("application/json", content)) => {
            let name = content["schema"]["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
            let is_page = name.is_some_and(|name| {
                !view["components"]["schemas"][name]["properties"]["next_cursor"].is_null()
            });
            if is_page { Answer::Page } else { Answer::Value }
        }
        Some(("text/event-stream", _)) => Answer::Events,
        Some((media, _)) if media.starts_with("text/") || media == "image/svg+xml" => Answer::Text,
        Some(_) => Answer::Bytes,
    }
}

fn documentation(operation: &Value) -> String {
    let text = |name: &str| operation[name].as_str().unwrap_or_default().trim();
    let (summary, description) = (text("summary"), text("description"));
    let more = if description == summary { "" } else { description };
    let permission = match text("x-permission") {
        "" => String::new(),
        permission => format!("Permission: `{permission}`."),
    };
    let parts: Vec<&str> = [summary, more, &permission].into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n\n")
}

/// Every schema that a value leads to, by the name of its type.
fn references<'a>(value: &Value, view: &'a Value, found: &mut BTreeMap<String, &'a Value>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| references(value, view, found)),
        Value::Object(object) => {
            let name = object.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
            if let Some(name) = name
                && let schema = &view["components"]["schemas"][name]
                && found.insert(pascal(name), schema).is_none()
            {
                references(schema, view, found);
            }
            object.values().for_each(|value| references(value, view, found));
        }
        _ => {}
    }
}

pub fn core_types(core: &File) -> Result<&Vec<Item>> {
    let types = core.items.iter().find_map(|item| match item {
        Item::Mod(module) if module.ident == "types" => module.content.as_ref(),
        _ => None,
    });
    Ok(&types.context("progenitor writes no types")?.1)
}

/// `T` of `Something<T>`.
fn argument_of(of: &Type) -> Option<&Type> {
    let Type::Path(path) = of else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(of) => Some(of),
        _ => None,
    })
}

fn last_segment(of: &Type) -> Option<&Ident> {
    match of {
        Type::Path(path) => path.path.segments.last().map(|segment| &segment.ident),
        _ => None,
    }
}

/// The name without `r#`, or the underscore that progenitor puts behind words of the language.
fn plain(name: &Ident) -> String {
    name.to_string().trim_start_matches("r#").trim_end_matches('_').to_owned()
}

pub fn pascal(name: &str) -> String {
    let word = |word: &str| {
        word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect::<String>()
    };
    name.split('_').map(word).collect()
}
