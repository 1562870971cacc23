"use strict";

// Shows a post by its number. The HTML of a post was sanitised when it was written.

const form = document.querySelector("form");
const post = document.querySelector(".post");

async function show(id) {
  const response = await fetch(`/v1/posts/${id}`);
  const body = await response.json();
  const by = document.createElement("p");
  by.className = "by";
  if (!response.ok) {
    by.textContent = body.detail;
    post.replaceChildren(by);
    return;
  }
  by.textContent = `${body.author.handle}, ${new Date(body.created_at).toLocaleString()}`;
  const text = document.createElement("div");
  text.innerHTML = body.html;
  post.replaceChildren(by, text);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  show(Number(new FormData(form).get("id"))).catch((error) => {
    post.textContent = `The service could not be reached: ${error.message}`;
  });
});
