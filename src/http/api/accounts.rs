//! `/auth/…`: accounts and sessions.

use crate::chat::{Credentials, LinkToken, SignedUp, Signup, Token, User};
use crate::http::Call;
use crate::http::body::{self, Fields};
use crate::http::cookies::Cookie;
use crate::http::respond::{self, Answer};
use crate::model::error::{Error, Result};
use crate::model::ids::UserId;
use crate::model::message::Fate;
use crate::model::text::{Email, GivenPassword, Password, Username};
use crate::model::wire::Micros;
use serde_json::json;
use std::sync::Arc;

pub async fn sign_up(call: &Call) -> Result<Answer> {
    let mut fields = call.fields()?;
    let invite = fields.optional_text("invite").map(LinkToken::presented);
    let (signup, from) = (new_account(fields)?, call.caller.subnet());
    let SignedUp { user_id, is_pending } =
        call.app.rules.sign_up(signup, invite, from, None).await?;
    Ok(created(user_id, is_pending))
}

pub async fn set_up(call: &Call) -> Result<Answer> {
    let mut fields = call.fields()?;
    let token = LinkToken::presented(fields.text("token"));
    let signup = new_account(fields)?;
    let user_id = call.app.rules.set_up(&token, signup, call.caller.subnet(), None).await?;
    Ok(created(user_id, false))
}

fn new_account(mut fields: Fields) -> Result<Signup> {
    let [username, password, email] =
        ["username", "password", "email"].map(|name| fields.text(name));
    let username = fields.check("username", Username::parse(&username));
    let password = fields.check("password", Password::parse(&password));
    let email = fields.check("email", Email::parse(&email));
    let ((username, password), email) = fields.finish_with(username.zip(password).zip(email))?;
    Ok(Signup { username, password, email })
}

fn created(user_id: UserId, is_pending: bool) -> Answer {
    let mut json = json!({"message": "User created", "user_id": user_id});
    if is_pending {
        json["status"] = "pending_approval".into();
    }
    respond::created(&json)
}

pub async fn log_in(call: &Call) -> Result<Answer> {
    let mut fields = match body::is_type(&call.headers, "application/json") {
        true => call.fields()?,
        false => Fields::of_form(&call.body),
    };
    let (username, password) = (fields.text("username"), fields.text("password"));
    let password = fields.check("password", GivenPassword::parse(&password));
    let password = fields.finish_with(password)?;
    let credentials = Credentials {
        username,
        password,
        user_agent: call.user_agent(),
        address: call.caller.address,
    };
    let token = call.app.rules.log_in(credentials).await?;
    call.end_replaced_session().await;
    Ok(token_answer(call, &token))
}

pub async fn renew(call: &Call) -> Result<Answer> {
    let viewer = call.viewer()?;
    let token = call.app.rules.renew(&viewer).await?;
    Ok(token_answer(call, &token))
}

fn token_answer(call: &Call, token: &Token) -> Answer {
    let expires_in = token.expires_in.as_secs();
    let mut answer = respond::ok(&json!({
        "access_token": token.access_token,
        "token_type": "bearer",
        "expires_in": expires_in,
        "user_id": token.user_id,
    }));
    call.set_cookie(&mut answer, Cookie::Session, &token.access_token, Some(expires_in));
    answer
}

pub async fn log_out(call: &Call) -> Result<Answer> {
    let viewer = call.viewer()?;
    call.app.rules.log_out(viewer).await?;
    let mut answer = respond::no_content();
    call.remove_cookie(&mut answer, Cookie::Session);
    Ok(answer)
}

pub async fn change_password(call: &Call) -> Result<Answer> {
    let mut fields = call.fields()?;
    let (current, new) = (fields.text("current_password"), fields.text("new_password"));
    let current = fields.check("current_password", GivenPassword::parse(&current));
    let new = fields.check("new_password", Password::parse(&new));
    let (current, new) = fields.finish_with(current.zip(new))?;
    let (viewer, from) = (call.viewer()?, call.caller.subnet());
    call.app.rules.change_password(viewer, (current, new), from, None).await?;
    Ok(respond::no_content())
}

/// The same answer whether or not anybody has the address.
pub async fn forgot(call: &Call) -> Result<Answer> {
    if !call.app.terms.sends_mail {
        return Err(Error::not_found());
    }
    let mut fields = call.fields()?;
    let email = fields.text("email");
    let email = fields.check("email", Email::parse(&email));
    let email = fields.finish_with(email)?;
    call.app.rules.forget_password(&email, call.caller.subnet()).await?;
    Ok(respond::accepted())
}

/// With a link for those who have forgotten theirs.
pub async fn reset_password(call: &Call) -> Result<Answer> {
    let mut fields = call.fields()?;
    let (token, new) = (LinkToken::presented(fields.text("token")), fields.text("new_password"));
    let new = fields.check("new_password", Password::parse(&new));
    let new = fields.finish_with(new)?;
    call.app.rules.reset_password(token, new, call.caller.subnet(), None).await?;
    Ok(respond::no_content())
}

pub async fn me(call: &Call) -> Result<Answer> {
    Ok(account_answer(&call.app.rules.user(&*call.viewer()?).await?))
}

pub async fn change_me(call: &Call) -> Result<Answer> {
    let viewer = call.viewer()?;
    let mut fields = call.fields()?;
    let shows = fields.optional_flag("shows_presence");
    match fields.optional_text("email") {
        None => {
            // Nobody asks for it, but what cannot be a password is refused all the same.
            if let Some(current) = fields.optional_text("current_password") {
                fields.check("current_password", GivenPassword::parse(&current));
            }
            fields.finish()?;
        }
        Some(email) => {
            let current = fields.text("current_password");
            let email = fields.check("email", Email::parse(&email));
            let current = fields.check("current_password", GivenPassword::parse(&current));
            let (email, current) = fields.finish_with(email.zip(current))?;
            let from = call.caller.subnet();
            call.app.rules.change_email(&viewer, current, &email, from).await?;
        }
    }
    if let Some(shows) = shows {
        call.app.rules.show_presence(Arc::clone(&viewer), shows).await?;
    }
    me(call).await
}

pub async fn delete_me(call: &Call) -> Result<Answer> {
    let mut fields = call.fields()?;
    let (current, messages) = (fields.text("current_password"), fields.text("messages"));
    let current = fields.check("current_password", GivenPassword::parse(&current));
    let fate = || Fate::from_name(&messages).ok_or_else(|| "Write keep or remove.".to_owned());
    let messages = fields.check("messages", fate());
    let (current, messages) = fields.finish_with(current.zip(messages))?;
    let (viewer, from) = (call.viewer()?, call.caller.subnet());
    call.app.rules.delete_own_account(&viewer, current, messages, from).await?;
    let mut answer = respond::no_content();
    call.remove_cookie(&mut answer, Cookie::Session);
    Ok(answer)
}

pub async fn export(call: &Call) -> Result<Answer> {
    let viewer = call.viewer()?;
    let file = format!("snug-{}.jsonl", viewer.username);
    Ok(respond::lines(call.app.rules.export(viewer).await?, &file))
}

fn account_answer(user: &User) -> Answer {
    respond::ok(&json!({
        "user_id": user.user_id,
        "username": user.username,
        "email": user.email,
        "created_at": Micros(user.created_at),
        "role": user.role,
        "shows_presence": user.shows_presence,
    }))
}
