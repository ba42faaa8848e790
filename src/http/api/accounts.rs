//! `/auth/…`: accounts and sessions.

use crate::chat::{Credentials, Signup, Token};
use crate::error::Result;
use crate::http::Call;
use crate::http::body::{self, Fields};
use crate::http::cookies::Cookie;
use crate::http::respond::{self, Answer};
use crate::text;
use crate::wire::Micros;
use serde_json::json;

pub async fn sign_up(call: &Call) -> Result<Answer> {
    let mut fields = call.fields()?;
    let signup = Signup {
        username: fields.text("username"),
        password: fields.text("password"),
        email: fields.text("email"),
    };
    fields.check("username", text::username(&signup.username));
    fields.check("password", text::password(&signup.password));
    fields.check("email", text::email(&signup.email));
    fields.finish()?;
    let user_id = call.app.rules.sign_up(signup, call.caller.subnet()).await?;
    Ok(respond::created(&json!({"message": "User created", "user_id": user_id})))
}

pub async fn log_in(call: &Call) -> Result<Answer> {
    let mut fields = match body::is_type(&call.headers, "application/json") {
        true => call.fields()?,
        false => Fields::of_form(&call.body),
    };
    let (username, password) = (fields.text("username"), fields.text("password"));
    if !password.is_empty() {
        // A longer one fits no account and would only waste a hashing.
        fields.check("password", text::given_password(&password));
    }
    fields.finish()?;
    let credentials = Credentials {
        username,
        password,
        user_agent: call.user_agent(),
        from: call.caller.subnet(),
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
    fields.check("current_password", text::given_password(&current));
    fields.check("new_password", text::password(&new));
    fields.finish()?;
    let (viewer, from) = (call.viewer()?, call.caller.subnet());
    call.app.rules.change_password(viewer, current, new, from).await?;
    Ok(respond::no_content())
}

pub async fn me(call: &Call) -> Result<Answer> {
    let user = call.app.rules.user(&*call.viewer()?).await?;
    Ok(respond::ok(&json!({
        "user_id": user.user_id,
        "username": user.username,
        "email": user.email,
        "created_at": Micros(user.created_at),
    })))
}
