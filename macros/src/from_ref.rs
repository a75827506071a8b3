//! `#[derive(FromRef)]`: an implementation for each field.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::{Error, Field, Ident, ItemStruct, Member, Result, spanned::Spanned};

pub(crate) fn expand(item: TokenStream) -> TokenStream {
    implementations(item).unwrap_or_else(Error::into_compile_error)
}

fn implementations(item: TokenStream) -> Result<TokenStream> {
    let item: ItemStruct =
        syn::parse2(item).map_err(|error| Error::new(error.span(), "`FromRef` is derived for structs"))?;
    if let Some(param) = item.generics.params.first() {
        return Err(Error::new_spanned(param, "`FromRef` is derived for structs without generics"));
    }
    let fields = item.fields.iter().zip(item.fields.members());
    fields.map(|(field, member)| implementation(&item.ident, field, &member)).collect()
}

fn implementation(state: &Ident, field: &Field, member: &Member) -> Result<TokenStream> {
    if is_skipped(field)? {
        return Ok(TokenStream::new());
    }
    let part = &field.ty;
    Ok(quote_spanned! {part.span()=>
        impl ::kvstore::routing::FromRef<#state> for #part {
            fn from_ref(state: &#state) -> Self {
                ::core::clone::Clone::clone(&state.#member)
            }
        }
    })
}

/// Whether a field has `#[from_ref(skip)]`.
fn is_skipped(field: &Field) -> Result<bool> {
    let mut is_skipped = false;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("from_ref")) {
        attribute.parse_nested_meta(|meta| {
            is_skipped = meta.path.is_ident("skip");
            if is_skipped { Ok(()) } else { Err(meta.error("unknown argument: expected `skip`")) }
        })?;
    }
    Ok(is_skipped)
}
