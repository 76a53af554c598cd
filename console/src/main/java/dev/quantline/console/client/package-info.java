/**
 * Talks to a running stack, local or remote: uploads inputs, publishes requests, follows events, fetches results. Imports the pipeline's
 * events, jobs and store and a plain Kafka client; nothing here starts a server or Quarkus.
 */
package dev.quantline.console.client;
