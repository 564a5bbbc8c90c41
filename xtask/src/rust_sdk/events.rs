//! `webhooks::Event`: the body of a webhook by its type. What it is made of are progenitor's types, with the object of
//! each type in them.

use anyhow::{Context, Result, bail};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::Value;
use syn::{Field, Fields, File, Ident, Item, ItemStruct, Type, parse_quote};

use super::nouns::{core_types, pascal};

/// Progenitor's types of a body; the generic ones stand in their place.
const BODIES: [&str; 2] = ["WebhookEvent", "WebhookEventData"];

struct EventType<'a> {
    name: &'a str,
    text: &'a str,
    variant: Ident,
    /// The type of what a fat payload has.
    object: Type,
}

pub fn write(contract: &Value, core: &File) -> Result<File> {
    let [body, data] = BODIES;
    let (mut body, mut data) = (body_type(core, body)?, body_type(core, data)?);
    generic(&mut body, "EventOf", " What every webhook has; `T` is what its type is about.");
    generic(&mut data, "EventData", " What a webhook is about: its id, and in fat payloads the whole.");
    without_type(&mut body)?;
    field(&mut body, "data")?.ty = parse_quote!(EventData<T>);
    let object = field(&mut data, "object")?;
    object.ty = parse_quote!(::std::option::Option<::std::boxed::Box<T>>);
    object.attrs.retain(|attribute| attribute.path().is_ident("doc"));
    object.attrs.push(parse_quote!(#[serde(skip_serializing_if = "::std::option::Option::is_none")]));
    let event = event(&event_types(contract)?);
    Ok(syn::parse2(quote! {
        use serde::de::Error;
        use serde::{Deserialize, Deserializer, Serialize};
        use serde_json::Value;

        use super::core::types;

        #event
        #body
        #data
    })?)
}

pub fn is_body(item: &Item) -> bool {
    matches!(item, Item::Struct(item) if BODIES.iter().any(|name| item.ident == name))
}

fn event(types: &[EventType<'_>]) -> TokenStream {
    let (doc, other) = (
        " What a webhook tells, by its type. More types may come.",
        " Of a type that this version does not know, as it came.",
    );
    let name_doc = " The type, as `order.paid`; nothing if the body has none.";
    let variants = types.iter().map(|EventType { name, text, variant, object }| {
        let text = format!(" {text}");
        quote!(#[doc = #text] #[serde(rename = #name)] #variant(EventOf<#object>))
    });
    let names = types.iter().map(|EventType { name, variant, .. }| quote!(Self::#variant(_) => #name));
    let readers = types.iter().map(|EventType { name, variant, .. }| {
        quote!(Some(#name) => serde_json::from_value(value).map(Self::#variant))
    });
    quote! {
        #[doc = #doc]
        #[derive(Debug, Clone, Serialize)]
        #[serde(tag = "type")]
        #[non_exhaustive]
        pub enum Event {
            #(#variants,)*
            #[doc = #other]
            #[serde(untagged)]
            Other(Value),
        }

        impl Event {
            #[doc = #name_doc]
            pub fn name(&self) -> &str {
                match self {
                    #(#names,)*
                    Self::Other(value) => value["type"].as_str().unwrap_or_default(),
                }
            }
        }

        impl<'de> Deserialize<'de> for Event {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = Value::deserialize(deserializer)?;
                let event = match value["type"].as_str() {
                    #(#readers,)*
                    _ => Ok(Self::Other(value)),
                };
                event.map_err(D::Error::custom)
            }
        }
    }
}

fn event_types(contract: &Value) -> Result<Vec<EventType<'_>>> {
    let messages = contract["x-webhooks"].as_object().context("the contract has no webhooks")?;
    let mut types = Vec::new();
    for (name, message) in messages {
        let post = &message["post"];
        let schema = &post["requestBody"]["content"]["application/json"]["schema"];
        let object = schema["allOf"][1]["properties"]["data"]["properties"]["object"]["$ref"].as_str();
        let text = post["summary"].as_str().with_context(|| format!("{name} has no summary"))?;
        let object = match object.and_then(|path| path.rsplit('/').next()) {
            Some(schema) => {
                let schema = format_ident!("{}", pascal(schema));
                parse_quote!(types::#schema)
            }
            // It may have one tomorrow.
            None => parse_quote!(Value),
        };
        let variant = format_ident!("{}", pascal(&name.replace('.', "_")));
        types.push(EventType { name, text, variant, object });
    }
    Ok(types)
}

fn body_type(core: &File, name: &str) -> Result<ItemStruct> {
    let found = core_types(core)?.iter().find_map(|item| match item {
        Item::Struct(item) if item.ident == name => Some(item.clone()),
        _ => None,
    });
    found.with_context(|| format!("progenitor writes no {name}"))
}

fn generic(item: &mut ItemStruct, name: &str, doc: &str) {
    item.ident = format_ident!("{name}");
    item.generics = parse_quote!(<T>);
    item.attrs.retain(|attribute| !attribute.path().is_ident("doc"));
    item.attrs.insert(0, parse_quote!(#[doc = #doc]));
}

/// The variant says it.
fn without_type(item: &mut ItemStruct) -> Result<()> {
    let Fields::Named(fields) = &mut item.fields else { bail!("{} has no names", item.ident) };
    let kept = fields.named.iter().filter(|field| field.ident.as_ref().is_some_and(|name| name != "type_"));
    fields.named = kept.cloned().collect();
    Ok(())
}

fn field<'a>(item: &'a mut ItemStruct, name: &str) -> Result<&'a mut Field> {
    let found = item.fields.iter_mut().find(|field| field.ident.as_ref().is_some_and(|ident| ident == name));
    found.with_context(|| format!("{} has no {name}", item.ident))
}
