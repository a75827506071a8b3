//! `#[debug_handler]`: the function as it is, and one check a bound of `Handler`, each with the span of what it checks.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{
    Error, FnArg, GenericArgument, ItemFn, PathArguments, Result, ReturnType, Token, Type,
    parse::{Parse, ParseStream},
    spanned::Spanned,
};

/// `Handler` is implemented for functions of at most that many arguments.
const MAX_ARGUMENTS: usize = 8;

pub(crate) fn expand(attr: TokenStream, item: TokenStream) -> TokenStream {
    let checks = checks(attr, item.clone()).unwrap_or_else(Error::into_compile_error);
    // The function stays in any case, so that its name is known to the rest of the program.
    quote! { #item #checks }
}

fn checks(attr: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let Attributes { state } = syn::parse2(attr)?;
    let function: ItemFn =
        syn::parse2(item).map_err(|error| Error::new(error.span(), "`#[debug_handler]` is for functions"))?;
    check_generics(&function)?;
    let arguments = arguments(&function)?;
    let state = state.map_or_else(|| infer_state(&arguments), Ok)?;

    let state_check = check_state(&state);
    let argument_checks = arguments.iter().enumerate().map(|(index, argument)| check_argument(index, argument, &state));
    let response_check = check_response(&function);
    let future_check = check_future(&function);
    Ok(quote! {
        #[allow(dead_code, unused_imports)]
        const _: () = {
            use ::kvstore::routing::ArgCount as __ArgCount;
            #state_check
            #(#argument_checks)*
            #response_check
            #future_check
        };
    })
}

/// `state = Type`, or nothing.
struct Attributes {
    state: Option<Type>,
}

impl Parse for Attributes {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.is_empty() {
            return Ok(Self { state: None });
        }
        let name: syn::Ident = input.parse()?;
        if name != "state" {
            return Err(Error::new_spanned(name, "unknown argument: expected `state = Type`"));
        }
        input.parse::<Token![=]>()?;
        Ok(Self { state: Some(input.parse()?) })
    }
}

fn check_generics(function: &ItemFn) -> Result<()> {
    match function.sig.generics.params.first() {
        None => Ok(()),
        Some(param) => Err(Error::new_spanned(param, "`#[debug_handler]` does not support generic functions")),
    }
}

/// The types of the arguments.
fn arguments(function: &ItemFn) -> Result<Vec<&Type>> {
    let types: Vec<&Type> = function.sig.inputs.iter().map(type_of).collect::<Result<_>>()?;
    match types.get(MAX_ARGUMENTS) {
        None => Ok(types),
        Some(extra) => {
            let text = "a handler takes at most eight arguments; `Rest` takes any number of a command's arguments";
            Err(Error::new_spanned(extra, text))
        }
    }
}

fn type_of(argument: &FnArg) -> Result<&Type> {
    match argument {
        FnArg::Receiver(receiver) => Err(Error::new_spanned(receiver, "`#[debug_handler]` does not support methods")),
        FnArg::Typed(typed) => match &*typed.ty {
            Type::Reference(reference) => {
                Err(Error::new_spanned(reference, "a handler owns its arguments: this one is a reference"))
            }
            Type::ImplTrait(generic) => {
                Err(Error::new_spanned(generic, "`#[debug_handler]` does not support generic functions"))
            }
            owned => Ok(owned),
        },
    }
}

/// The `T` of the only `State<T>`; `()` if there is none.
fn infer_state(arguments: &[&Type]) -> Result<Type> {
    let mut states = arguments.iter().filter_map(|argument| state_in(argument));
    let Some(state) = states.next() else { return Ok(syn::parse_quote!(())) };
    let shown = |state: &Type| quote!(#state).to_string();
    match states.find(|other| shown(other) != shown(state)) {
        None => Ok(state.clone()),
        Some(other) => {
            let text = "cannot infer the type of the router's state: write `#[debug_handler(state = Type)]`";
            Err(Error::new_spanned(other, text))
        }
    }
}

/// The `T` of `State<T>`.
fn state_in(argument: &Type) -> Option<&Type> {
    let Type::Path(path) = argument else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "State")?;
    let PathArguments::AngleBracketed(generics) = &last.arguments else { return None };
    match generics.args.first()? {
        GenericArgument::Type(state) => Some(state),
        _ => None,
    }
}

fn check_state(state: &Type) -> TokenStream {
    quote_spanned! {state.span()=>
        fn __state() {
            fn state_must_be_shareable<T: ::core::marker::Send + ::core::marker::Sync + 'static>() {}
            state_must_be_shareable::<#state>();
        }
    }
}

/// Checks an argument, and adds up how many arguments of the command it and those in front of it take. As in `Handler`,
/// this fails at one that cannot stand where it is.
fn check_argument(index: usize, argument: &Type, state: &Type) -> TokenStream {
    let (sum, previous) = (format_ident!("__ARGUMENT_{index}"), index.checked_sub(1));
    let previous = previous.map(|index| format_ident!("__ARGUMENT_{index}"));
    let previous = previous.map_or_else(|| quote!(__ArgCount::NONE), |previous| quote!(#previous));
    quote_spanned! {argument.span()=>
        const #sum: __ArgCount = {
            const fn argument_must_be_an_extractor<T: ::kvstore::routing::FromCommand<#state>>() -> __ArgCount {
                T::ARGS
            }
            __ArgCount::and(#previous, argument_must_be_an_extractor::<#argument>())
        };
    }
}

fn check_response(function: &ItemFn) -> Option<TokenStream> {
    let ReturnType::Type(_, response) = &function.sig.output else { return None };
    let is_future = function.sig.asyncness.is_none() && is_boxed(response);
    (!is_future && !matches!(**response, Type::ImplTrait(_))).then(|| {
        quote_spanned! {response.span()=>
            fn __response() {
                fn return_type_must_be_a_response<T: ::kvstore::routing::IntoResponse>() {}
                return_type_must_be_a_response::<#response>();
            }
        }
    })
}

/// Whether a type is the boxed future of a function that is no `async fn`.
fn is_boxed(response: &Type) -> bool {
    let Type::Path(path) = response else { return false };
    path.path.segments.last().is_some_and(|last| last.ident == "Pin" || last.ident == "BoxFuture")
}

fn check_future(function: &ItemFn) -> Option<TokenStream> {
    function.sig.asyncness?;
    let name = &function.sig.ident;
    let arguments = function.sig.inputs.iter().map(|_| quote!(__any()));
    // With the span of the function, so that its name is what the compiler points at.
    Some(quote_spanned! {name.span()=>
        fn __future() {
            fn __any<T>() -> T {
                ::core::unreachable!()
            }
            fn future_must_be_send<T: ::core::future::Future + ::core::marker::Send + 'static>(_: T) {}
            future_must_be_send(#name(#(#arguments),*));
        }
    })
}
