// No validator: the document would be sent to another host.
SwaggerUIBundle({
  url: "/api-docs/swagger.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  // With more than a hundred operations open at once the page takes its time; a group is opened by a click.
  docExpansion: "none",
  filter: true,
  displayOperationId: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
